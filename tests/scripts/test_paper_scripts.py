"""The paper's command lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def script(name, *args, cwd):
    command = [sys.executable, ROOT / "scripts" / name, *args]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, timeout=120)


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    image = Image.fromarray(pixels).resize((64, 48))
    image.convert("RGB").save(tmp_path / "a.png")
    image.save(tmp_path / "clear.png")
    return tmp_path


def test_flip_images(folder):
    run = script("FlipImages.py", folder, cwd="/")
    assert run.returncode == 0, run.stderr
    with Image.open(folder / "a.png") as image, Image.open(folder / "a_f.png") as flipped:
        np.testing.assert_array_equal(np.asarray(flipped), np.asarray(image)[:, ::-1])
    assert script("FlipImages.py", folder, cwd="/").returncode == 0
    assert len(list(folder.iterdir())) == 4


def test_webp_batch_in_the_current_folder(folder):
    for _ in range(2):
        run = script("webp_batch.py", "--c", "--ignore-transparency-image", "-q=60", cwd=folder)
        assert run.returncode == 0, run.stderr
        assert "converted 1" in run.stdout
        assert "skipped: 1 has transparent pixels" in run.stdout
    names = sorted(path.name for path in (folder / "webp-converted").iterdir())
    assert names == [".tf_lowdef.json", "a.webp"]


def test_webp_batch_is_lossless_by_default_and_replaces(folder):
    with Image.open(folder / "a.png") as image:
        before = np.asarray(image)
    run = script("webp_batch.py", folder, "--r", cwd="/")
    assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["a.webp", "clear.webp"]
    with Image.open(folder / "a.webp") as image:
        np.testing.assert_array_equal(np.asarray(image), before)


def test_webp_batch_refuses_to_replace_elsewhere(folder):
    assert script("webp_batch.py", "--r", "--c", cwd=folder).returncode == 2
    assert script("webp_batch.py", "--r", "-o=out", cwd=folder).returncode == 2
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "clear.png"]


def test_the_benchmark_measures_help():
    run = script("benchmark_folder.py", "--help-only", "--rounds", "1", cwd="/")
    assert "tf-lowdef flip --help" in run.stdout
    assert "ratio" in run.stdout  # the number itself is the benchmark's business: this machine may be busy
