"""What every test shares: quiet TensorFlow, and the real images where they lie beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "imagenet"

os.environ["PYTHONPATH"] = str(ROOT)  # for the processes that tests start, installed or not


@pytest.fixture(scope="session")
def imagenet() -> Path:
    """The folder of real images and weights; the test skips where it is absent."""
    if not (REAL / "images.csv").exists():
        pytest.skip(f"no real images at {REAL}")
    return REAL
