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


_OBJECT_STORE = 100 * 2**20


@pytest.fixture
def two_nodes(monkeypatch):
    """A Ray cluster of two nodes on this machine, one core each: its address, and a function that kills the second."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    size = {"num_cpus": 1, "object_store_memory": _OBJECT_STORE}
    cluster = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
    try:
        second = cluster.add_node(**size)
        yield cluster.address, lambda: cluster.remove_node(second, allow_graceful=False)
    finally:
        cluster.shutdown()
