"""Killed, stopped, or out of disk: only whole files, and the next run completes the tree."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tf_lowdef.files import is_temporary
from tf_lowdef.folders import WebPSettings, webp_path
from tf_lowdef.jobs import hold_folder
from tf_lowdef.jobs.ray import RayOptions

ROOT = Path(__file__).resolve().parents[2]
COUNT = 300


@pytest.fixture(scope="module")
def source(tmp_path_factory, make_scene):
    """300 images of 120x90 in three folders, one of them broken."""
    root = tmp_path_factory.mktemp("many") / "in"
    for number in range(COUNT):
        path = root / f"part{number % 3}" / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(make_scene(number % 7, 90, 120)).save(path, compress_level=1)
    (root / "part1" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return root


def start(*args):
    command = [sys.executable, "-m", "tf_lowdef", *map(os.fspath, args)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background jobs, and what they start, ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(*args):
    process = start(*args)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors  # the broken one
    assert "broken.png" in errors


def results(folder, suffix):
    return sum(path.name.endswith(suffix) and not is_temporary(path) for path in folder.rglob("*"))


def stop(process, stop_signal, folder, suffix, count, delay):
    """Send a signal once `count` results are there and `delay` seconds have passed; return what the tool said then."""
    deadline = time.monotonic() + 60
    while results(folder, suffix) < count and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)  # leaves the cores to the run
    time.sleep(delay)
    process.send_signal(stop_signal)
    return process.communicate(timeout=60)[1]


def kill(arguments, make_folder, suffix, moment):
    """Kill a run at a seeded moment; again where a busy machine let it finish before the signal."""
    count, delay = moment.randrange(1, COUNT - 60), moment.uniform(0, 0.01)
    for _ in range(5):
        folder = make_folder()
        process = start(*arguments)
        stop(process, signal.SIGKILL, folder, suffix, count, delay)
        written = results(folder, suffix)
        if process.returncode == -signal.SIGKILL and written < COUNT:
            assert written >= count
            return
    pytest.fail("five runs were over before they could be killed")


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=pytest.mark.slow if seed > 2 else []) for seed in range(10)])
def test_kill_9_and_a_second_run_give_the_undisturbed_tree(source, undisturbed, tmp_path, read_tree, seed):
    out = tmp_path / "out"

    def fresh():
        shutil.rmtree(out, ignore_errors=True)
        return out

    kill(("webp", source, "-o", out), fresh, ".webp", random.Random(seed))
    finish("webp", source, "-o", out)
    assert read_tree(out) == undisturbed


@pytest.fixture(scope="module")
def undisturbed(source, tmp_path_factory, read_tree):
    """The tree of a run that nobody disturbs."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    finish("webp", source, "-o", out)
    files = read_tree(out)
    assert len(files) == COUNT + 2  # failed.csv and the marker
    return files


@pytest.mark.parametrize(("arguments", "suffix"), [(("flip",), "_f.png"), (("webp", "--replace"), ".webp")], ids=str)
def test_kill_9_where_results_lie_beside_the_originals(source, tmp_path, read_tree, arguments, suffix):
    reference, work = tmp_path / "reference", tmp_path / "work"

    def fresh():
        shutil.rmtree(work, ignore_errors=True)
        return shutil.copytree(source, work)

    shutil.copytree(source, reference)
    finish(arguments[0], reference, *arguments[1:])
    kill((arguments[0], work, *arguments[1:]), fresh, suffix, random.Random(1))
    finish(arguments[0], work, *arguments[1:])
    assert read_tree(work) == read_tree(reference)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_leave_only_whole_files(source, undisturbed, tmp_path, read_tree, number):
    out = tmp_path / "out"
    process = start("webp", source, "-o", out)
    said = stop(process, number, out, ".webp", 40, 0)
    assert process.returncode == 130
    assert "The same command goes on from here." in said
    there = read_tree(out)
    assert 40 <= len(there) < COUNT
    assert there.items() <= undisturbed.items()
    finish("webp", source, "-o", out)
    assert read_tree(out) == undisturbed


@pytest.mark.parametrize(
    "arguments", [("webp", "-o"), ("flip", "-o"), ("flip",), ("webp", "--replace")], ids=lambda words: " ".join(words)
)
def test_a_second_process_is_refused(source, tmp_path, read_tree, arguments):
    work, out = shutil.copytree(source, tmp_path / "in"), tmp_path / "out"
    out.mkdir()
    held, rest = (out, ("-o", out)) if "-o" in arguments else (work, arguments[1:])
    before = read_tree(work)
    with hold_folder(held):
        process = start(arguments[0], work, *rest)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith(f"Error: {held}: in use by another process")
    assert read_tree(work) == before
    assert list(out.iterdir()) == []


def test_a_picture_that_vanishes_is_a_failure_until_it_is_back(source, undisturbed, tmp_path, read_tree):
    work, out, gone = shutil.copytree(source, tmp_path / "in"), tmp_path / "out", []
    picture = work / "part2" / "299.png"
    content = picture.read_bytes()
    summary = webp_path(work, out, progress=lambda *_: gone or gone.append(picture.unlink()), num_threads=1)
    assert ("part2/299.png", "no such file") in summary.failed
    assert not (out / "part2" / "299.webp").exists()
    picture.write_bytes(content)
    summary = webp_path(work, out)
    assert (summary.converted, summary.present) == (1, COUNT - 1)
    assert {n: d for n, d in read_tree(out).items() if n.endswith(".webp")} == {
        n: d for n, d in undisturbed.items() if n.endswith(".webp")
    }


@pytest.mark.slow
def test_rays_workers_make_the_same(two_nodes, source, undisturbed, tmp_path, read_tree):
    address, kill_second = two_nodes
    out, done = tmp_path / "out", []

    def progress(count, total):
        done.append(count)
        if count == 70:
            kill_second()

    settings = WebPSettings(60.0)  # a float in the marker, as from the command line
    summary = webp_path(source, out, settings, ray=RayOptions(address, workers=2), progress=progress)
    assert (summary.converted, len(summary.failed)) == (COUNT, 1)
    assert done == list(range(1, COUNT + 2))
    assert read_tree(out) == undisturbed
    (out / "part1" / "100.webp").unlink()
    assert webp_path(source, out, settings, ray=RayOptions(address, workers=1)).converted == 1
    assert read_tree(out) == undisturbed


def test_a_full_disk(source, undisturbed, tmp_path, read_tree):
    """On a tmpfs of its own, in a mount namespace that ends with the commands."""
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    small, script = tmp_path / "small", tmp_path / "script"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=96k tmpfs '{small}'"
    if shutil.which("unshare") is None or subprocess.run([*unshare, "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    webp = f"'{sys.executable}' -m tf_lowdef webp '{source}' -o '{small}/out'"
    script.write_text(
        f"set -u; {mount} || exit 99\n"
        f"{webp} > '{tmp_path}/full.txt' 2>&1; echo $? > '{tmp_path}/full.code'\n"
        f"cp -a '{small}/out' '{tmp_path}/full'\n"
        f"mount -o remount,size=64m '{small}'\n"
        f"{webp} > '{tmp_path}/again.txt' 2>&1; echo $? > '{tmp_path}/again.code'\n"
        f"cp -a '{small}/out' '{tmp_path}/again'\n"
    )
    originals = read_tree(source)
    subprocess.run([*unshare, "sh", script], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120)
    text = (tmp_path / "full.txt").read_text()
    assert (tmp_path / "full.code").read_text() == "1\n", text
    assert "No space left on device" in text
    assert "Traceback" not in text
    there = read_tree(tmp_path / "full")
    there.pop("failed.csv", None)
    assert 3 < len(there) < COUNT
    assert there.items() <= undisturbed.items()
    assert (tmp_path / "again.code").read_text() == "1\n"
    assert read_tree(tmp_path / "again") == undisturbed
    assert read_tree(source) == originals


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write everywhere")
def test_an_output_folder_that_cannot_be_written_to(source, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    command = [sys.executable, "-m", "tf_lowdef", "webp", source, "-o", tmp_path / "locked" / "out"]
    if os.geteuid() == 0:  # root without the right to pass over permissions
        command = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", *command]
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert run.returncode == 1
    assert run.stderr.startswith("Error: ")
    assert len(run.stderr.splitlines()) == 1
    assert "Permission denied" in run.stderr
