"""``tf-lowdef flip`` and ``webp`` as a user runs them: exit codes, messages, what they import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def tool(*args, cwd=None):
    command = [sys.executable, "-m", "tf_lowdef", *map(os.fspath, args)]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=cwd, timeout=120)


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    for name in ["a.png", "b c.jpg", "sub/-d.png"]:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).resize((64, 48)).save(tmp_path / "in" / name, quality=95)
    return tmp_path / "in"


def test_all_went_through(folder):
    run = tool("webp", folder, "-o", folder.parent / "out")
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert run.stdout.startswith("scanned 3, converted 3, already there 0, skipped 0, failed 0\n")
    assert "saved" in run.stdout
    assert tool("webp", folder, "-o", folder.parent / "out").stdout.startswith(
        "scanned 3, converted 0, already there 3"
    )
    run = tool("flip", folder)
    assert (run.returncode, run.stderr) == (0, "")
    assert (folder / "sub" / "-d_f.png").exists()


def test_some_failed(folder):
    (folder / "bad\x1b[2J.png").write_text("no image")
    run = tool("webp", folder, "-o", folder.parent / "out")
    assert run.returncode == 1
    assert "scanned 4, converted 3" in run.stdout
    assert "\x1b" not in run.stderr
    assert "bad\\x1b[2J.png: is not an image" in run.stderr
    assert (folder.parent / "out" / "failed.csv").exists()


ODD = os.fsdecode(b"bad\xff\x1b]0;owned\x07\n failed: 0.png")
"""No text, an escape sequence that names the terminal's window, and a line end."""

SHOWN = r"bad\udcff\x1b]0;owned\x07\n failed: 0"


def test_names_that_are_no_text_and_would_command_the_terminal(folder):
    (folder / ODD).write_text("no image")
    (folder / "sub" / "link").symlink_to(folder / "sub")
    for arguments in (["webp", folder, "-o", folder / "out"], ["flip", folder], ["webp", "--replace", folder]):
        run = tool(*arguments)
        assert run.returncode == 1
        assert f"{SHOWN}.png: is not an image" in run.stderr
        assert "Traceback" not in run.stderr
        assert not {character for character in run.stdout + run.stderr if not character.isprintable()} - {"\n"}
    for arguments in (["flip", f"{folder}/{ODD}x"], ["webp", folder / ODD, "-r"], ["flip", folder, "-o", folder / ODD]):
        run = tool(*arguments)
        assert run.returncode == 2
        assert r"\x1b]0;owned\x07" in run.stderr
        assert len(run.stderr.splitlines()) == 1
        assert not {character for character in run.stderr if not character.isprintable()} - {"\n"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flip", "nowhere"], "does not exist"),
        (["flip", "in", "-o", "in"], "must not be the input"),
        (["flip", "in", "-o", "."], "must not contain the input"),
        (["flip", "in", "--mode", "sideways"], "sideways"),
        (["flip", "in", "--clear"], "--clear"),
        (["webp", "nowhere"], "does not exist"),
        (["webp", "in", "-o", "in"], "must not be the input"),
        (["webp", "in", "-q", "101"], "quality=101"),
        (["webp", "in", "-q", "nan"], "quality=nan"),
        (["webp", "in", "-m", "9"], "method=9"),
        (["webp", "in", "--near", "50", "--lossy"], "near"),
        (["webp", "in", "-r", "-o", "out"], "--replace"),
        (["webp", "in", "-r", "-c"], "--replace"),
        (["webp", "in", "-r", "--decode"], "exclude each other"),
        (["webp", "in/a.png", "-r"], "wants a folder"),
        (["webp", "in", "-c", "-o", "mine"], "not made by this tool"),
        (["webp", "in", "--decode", "--metadata"], "metadata"),
        (["webp", "in/a.png", "-o", "a.jpg"], ".jpg files are not written here"),
        (["flip", "in/a.png", "-o", "a.heif"], "a.heif"),
    ],
)
def test_wrong_arguments(folder, arguments, message):
    (folder.parent / "mine").mkdir()
    (folder.parent / "mine" / "file").touch()
    run = tool(*arguments, cwd=folder.parent)
    assert run.returncode == 2, run
    assert message in run.stderr
    assert (folder.parent / "mine" / "file").exists()
    assert not (folder.parent / "out").exists()


def test_one_file_as_cwebp(folder):
    run = tool("webp", "-q", "60", "a.png", "-o", "out.webp", cwd=folder)
    assert run.returncode == 0
    with Image.open(folder / "out.webp") as image:
        assert (image.format, image.size) == ("WEBP", (64, 48))
    assert tool("webp", "--", "sub/-d.png", cwd=folder).returncode == 0
    assert (folder / "sub" / "-d.webp").exists()
    assert tool("webp", "--decode", "a.png", cwd=folder).returncode == 2  # the result's name would be the input's
    run = tool("webp", "-q", "100", "a.png", "-o", "exact.webp", cwd=folder)
    assert "quality 100 means lossless" in run.stderr
    with Image.open(folder / "exact.webp") as image, Image.open(folder / "a.png") as original:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(original))


def test_a_folder_with_a_leading_dash(folder):
    (folder / "-x").mkdir()
    (folder / "sub" / "-d.png").rename(folder / "-x" / "-d.png")
    assert tool("flip", "--", "-x", cwd=folder).returncode == 0
    assert (folder / "-x" / "-d_f.png").exists()


@pytest.mark.parametrize("name", ["flip", "webp"])
def test_help_imports_nothing_heavy_and_the_run_no_tensorflow(folder, name):
    code = (
        "import sys\nfrom tf_lowdef.cli.main import main\n"
        "try:\n    main(sys.argv[2:])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print([m for m in sys.argv[1].split(',') if m in sys.modules])"
    )
    heavy = "numpy,PIL,rich,tensorflow,keras"
    run = subprocess.run(
        [sys.executable, "-c", code, heavy, name, "--help"], capture_output=True, text=True, env=ENVIRONMENT
    )
    assert "Examples:" in run.stdout
    assert run.stdout.endswith("[]\n"), run.stdout + run.stderr
    run = subprocess.run(
        [sys.executable, "-c", code, "tensorflow,keras", name, folder, "-o", folder.parent / "out"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    assert run.stdout.endswith("[]\n"), run.stdout + run.stderr
