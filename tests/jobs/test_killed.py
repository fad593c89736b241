"""Killed at any moment, the job ends as if nobody had disturbed it, and at most one unit is done twice."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tf_lowdef.files import is_temporary

UNITS = 40


def tree(folder):
    """Return the contents of the job's results, without what holds times: records, manifest and lock."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "done" not in path.relative_to(folder).parts
    }


def done(folder):
    return {path.name for path in (folder / "done").rglob("*.npz") if not is_temporary(path)}


@pytest.fixture(scope="module")
def undisturbed(run_job, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    assert run_job(out) == (0, "")
    files = tree(out)
    assert len(files) == 121
    return files


def kill(start_job, out, moment):
    """Kill the job at a seeded moment; again where a busy machine let it finish before the signal."""
    count, delay = moment.randrange(0, UNITS - 5), moment.uniform(0, 0.02)
    for _ in range(5):
        shutil.rmtree(out, ignore_errors=True)
        out.with_name("log").unlink(missing_ok=True)
        process = start_job(out, 0, 0.002)
        deadline = time.monotonic() + 60
        while process.poll() is None and (not (out / "done").is_dir() or len(done(out)) < count):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        if process.returncode == -signal.SIGKILL and not (out / "results.json").exists():
            return
    pytest.fail("five jobs were over before they could be killed")


@pytest.mark.parametrize("seed", range(20))
def test_kill_9(start_job, run_job, undisturbed, tmp_path, seed):
    out = tmp_path / "run"
    kill(start_job, out, random.Random(seed))
    before = done(out)
    assert len(before) < UNITS
    assert run_job(out) == (0, "")
    assert tree(out) == undisturbed
    assert len(done(out)) == UNITS
    assert not [path for path in out.rglob("*") if is_temporary(path)]
    log = (tmp_path / "log").read_text().split()
    assert UNITS <= len(log) <= UNITS + 1
    assert len(set(log)) == UNITS


def test_a_second_process_is_refused_and_a_dead_one_is_not_in_the_way(start_job, run_job, undisturbed, tmp_path):
    out = tmp_path / "run"
    first = start_job(out, 0, 0.01)
    try:
        while not (out / "done").is_dir() or len(done(out)) < 2:
            assert first.poll() is None
            time.sleep(0.001)
        code, errors = run_job(out)
        assert code == 1
        assert f"RunInUseError: {out}: in use by process {first.pid} on " in errors
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate(timeout=60)
    assert run_job(out) == (0, "")
    assert tree(out) == undisturbed


def test_other_arguments_are_refused(run_job, tmp_path):
    out = tmp_path / "run"
    assert run_job(out) == (0, "")
    before = tree(out)
    code, errors = run_job(out, 1)
    assert code == 1
    assert "RunMismatchError" in errors
    assert "arguments.seed: 0, now 1" in errors
    assert "--restart" in errors
    assert tree(out) == before


def test_a_full_disk(job, undisturbed, tmp_path):
    """On a tmpfs of its own, in a mount namespace that ends with the commands."""
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    small, script = tmp_path / "small", tmp_path / "script"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=400k tmpfs '{small}'"
    if shutil.which("unshare") is None or subprocess.run([*unshare, "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    command = f"'{sys.executable}' '{job}' '{small}/run' 0 0"
    script.write_text(
        f"set -u; {mount} || exit 99\n"
        f"{command} 2> '{tmp_path}/full.txt'; echo $? > '{tmp_path}/full.code'\n"
        f"cp -a '{small}/run' '{tmp_path}/full'\n"
        f"mount -o remount,size=64m '{small}'\n"
        f"{command} 2> '{tmp_path}/again.txt'; echo $? > '{tmp_path}/again.code'\n"
        f"cp -a '{small}/run' '{tmp_path}/again'\n"
    )
    subprocess.run([*unshare, "sh", script], check=True, timeout=120)
    assert (tmp_path / "full.code").read_text() == "1\n"
    text = (tmp_path / "full.txt").read_text().splitlines()[-1]
    assert text == (
        f"OSError: {small}/run: No space left on device. What is finished is kept: make room, and the same command "
        "goes on"
    )
    assert 0 < len(done(tmp_path / "full")) < UNITS
    assert not [path for path in (tmp_path / "full").rglob("*") if is_temporary(path)]
    assert tree(tmp_path / "full").items() < undisturbed.items()
    assert (tmp_path / "again.code").read_text() == "0\n", (tmp_path / "again.txt").read_text()
    assert tree(tmp_path / "again") == undisturbed
