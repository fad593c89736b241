"""A run's folder on fsspec's memory file system, and on its local one as if it were elsewhere."""

import json
import os
import subprocess
import sys
import time

import fsspec
import numpy as np
import pytest

from tf_lowdef.jobs import (
    LocalRunner,
    Record,
    RunInUseError,
    RunMismatchError,
    cut,
    lease,
    local_path,
    move_remote,
    open_run,
    working_folder,
)
from tf_lowdef.jobs import remote_folder as module

IDENTITY = {"tool": "test", "seed": 0}
UNITS = cut("oblivious/bim:4", np.arange(6), 2)


@pytest.fixture(params=["memory", "local"])
def url(request, tmp_path, monkeypatch):
    """Where a run may lie; a local one is taken for one elsewhere."""
    if request.param == "local":
        monkeypatch.setattr(module, "local_path", lambda folder: None if "://" in os.fspath(folder) else folder)
    place = f"file://{tmp_path}/runs/first" if request.param == "local" else f"memory://{tmp_path.name}/runs/first"
    yield place
    files, root = fsspec.core.url_to_fs(place)
    if files.exists(root):
        files.rm(root, recursive=True)


def there(url):
    """Return what lies at a URL, by names relative to it."""
    files, root = fsspec.core.url_to_fs(url)
    root = root.rstrip("/")
    return {path[len(root) + 1 :]: files.cat_file(path) for path in files.find(root)} if files.exists(root) else {}


def work(unit):
    places = unit.task["places"]
    contents = {f"adversarial/{place}.png": b"png %d" % place for place in places}
    return Record({"places": np.array(places)}, contents=contents)


def run(url, identity=IDENTITY, stop_after=None):
    """Do the units in a folder; return the names of those that were done now."""
    done = []

    def noted(unit):
        if len(done) == stop_after:
            raise KeyboardInterrupt
        done.append(unit.name)
        return work(unit)

    with working_folder(url) as folder, open_run(folder, identity) as store:
        records = list(LocalRunner(store).run(UNITS, noted))
        (store.folder / "results.json").write_text(json.dumps([record["places"].tolist() for record in records]))
    return done


def test_what_a_run_leaves_lies_at_the_url_and_nothing_here(url, tmp_path):
    with working_folder(url) as folder:
        copy = os.fspath(folder)
        assert str(folder) == url
        assert os.path.isdir(copy)
    assert not os.path.exists(copy)
    run(url)
    found = there(url)
    assert sorted(found) == sorted(
        [*(f"adversarial/{n}.png" for n in range(6)), "done/run.json", "results.json"]
        + [f"done/oblivious/bim%3A4/batch-0000{n}.npz" for n in range(3)]
    )
    assert found["adversarial/3.png"] == b"png 3"
    assert json.loads(found["results.json"]) == [[0, 1], [2, 3], [4, 5]]


def test_each_unit_lies_there_as_soon_as_it_is_done(url):
    with working_folder(url) as folder, open_run(folder, IDENTITY) as store:
        for number, _ in enumerate(LocalRunner(store).run(UNITS, work)):
            found = there(url)
            assert f"done/oblivious/bim%3A4/batch-0000{number}.npz" in found
            assert f"adversarial/{2 * number + 1}.png" in found


def test_a_run_that_was_stopped_goes_on_and_equals_one_that_was_not(url):
    with pytest.raises(KeyboardInterrupt):
        run(url, stop_after=2)
    assert "results.json" not in there(url)
    assert run(url) == [UNITS[2].name]
    stopped = there(url)
    run(url + "-undisturbed")
    undisturbed = there(url + "-undisturbed")
    assert {name: data for name, data in stopped.items() if name.endswith((".png", "results.json"))} == {
        name: data for name, data in undisturbed.items() if name.endswith((".png", "results.json"))
    }
    assert run(url) == []


def test_a_unit_whose_image_is_gone_is_done_again(url):
    run(url)
    files, root = fsspec.core.url_to_fs(url)
    files.rm_file(f"{root}/adversarial/2.png")
    assert run(url) == [UNITS[1].name]
    assert "adversarial/2.png" in there(url)


def test_another_run_is_refused_by_its_url_and_nothing_changes(url):
    run(url)
    before = there(url)
    with pytest.raises(RunMismatchError, match=r"first: holds another run \(seed: 0, now 1\)"):
        run(url, {**IDENTITY, "seed": 1})
    assert there(url) == before


def test_a_folder_of_something_else_is_refused(url):
    files, root = fsspec.core.url_to_fs(url)
    files.makedirs(root, exist_ok=True)
    files.pipe_file(f"{root}/precious.txt", b"mine")
    with pytest.raises(FileExistsError, match="first: holds files already"):
        run(url)
    assert there(url) == {"precious.txt": b"mine"}


def test_an_error_before_the_first_unit_leaves_room_for_another_run(url):
    with pytest.raises(KeyboardInterrupt):
        run(url, stop_after=0)
    assert len(run(url, {**IDENTITY, "seed": 1})) == 3


def test_a_second_process_is_refused_and_the_folder_is_free_afterwards(url):
    with working_folder(url):
        with pytest.raises(RunInUseError, match=f"first: in use by process {os.getpid()} on"), working_folder(url):
            pass
        with pytest.raises(RunInUseError):
            move_remote(url)
    assert len(run(url)) == 3


def test_an_inner_block_takes_what_the_outer_one_has_yielded(url):
    with working_folder(url) as outer, working_folder(outer) as inner:
        assert inner is outer


def hold_by(url, **fields):
    """Write a lease as another process would."""
    files, root = fsspec.core.url_to_fs(url)
    files.makedirs(f"{root}/done", exist_ok=True)
    holder = {"pid": 1, "host": "elsewhere", "token": "other", "renewed": time.time(), **fields}
    files.pipe_file(f"{root}/done/lock", json.dumps(holder).encode())


def test_a_lease_of_another_machine_counts_until_it_has_run_out(url):
    hold_by(url)
    with pytest.raises(RunInUseError, match="process 1 on elsewhere"):
        run(url)
    hold_by(url, renewed=time.time() - lease.LEASE - 1)
    assert len(run(url)) == 3


def test_a_lease_of_a_dead_process_of_this_machine_does_not_count(url):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    hold_by(url, pid=dead.pid, host=lease.platform.node())
    assert len(run(url)) == 3


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"pid": 3}', b'{"pid":1,"host":"a","token":"b","renewed":"c"}'])
def test_a_damaged_lease_does_not_count(url, content):
    hold_by(url)
    files, root = fsspec.core.url_to_fs(url)
    files.pipe_file(f"{root}/done/lock", content)
    assert len(run(url)) == 3


def test_who_was_taken_over_from_writes_no_more(url):
    def taken_over(unit):
        hold_by(url)
        return work(unit)

    with pytest.raises(RunInUseError, match="elsewhere"), working_folder(url) as folder, open_run(folder, {}) as store:
        list(LocalRunner(store).run(UNITS, taken_over))
    assert not any(name.endswith(".npz") for name in there(url))
    assert json.loads(there(url)["done/lock"])["host"] == "elsewhere"


def test_a_lease_is_renewed(url, monkeypatch):
    monkeypatch.setattr(lease, "RENEWAL", 0.05)
    with working_folder(url):
        first = json.loads(there(url)["done/lock"])["renewed"]
        deadline = time.monotonic() + 30
        while json.loads(there(url)["done/lock"])["renewed"] == first:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert "done/lock" not in there(url)


def test_a_run_is_moved_aside(url):
    run(url)
    before = there(url)
    assert move_remote(url) == f"{url}.1"
    assert there(f"{url}.1") == before
    assert there(url) == {}
    assert move_remote(url) is None
    run(url)
    assert move_remote(url) == f"{url}.2"


def test_a_file_url_is_a_path(tmp_path):
    assert local_path(f"file://{tmp_path}/run") == tmp_path / "run"
    assert local_path(tmp_path) == tmp_path
    assert local_path("memory://run") is None
    with working_folder(f"file://{tmp_path}/run") as folder:
        assert folder == tmp_path / "run"


@pytest.mark.parametrize(
    ("url", "error"),
    [("nosuch://bucket/run", ValueError), ("abfs://nobody@nowhere/run", ModuleNotFoundError)],
)
def test_a_url_that_cannot_be_opened_is_named(url, error):
    with pytest.raises(error, match=url.split(":")[0]), working_folder(url):
        pass


def test_a_folder_that_has_to_be_there(url):
    with pytest.raises(FileNotFoundError, match="first: no such folder"), working_folder(url, new=False):
        pass
    assert there(url) == {}


def test_without_fsspec_a_url_is_refused_and_a_path_is_not(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with working_folder(tmp_path) as folder:
        assert folder == tmp_path
    with pytest.raises(ModuleNotFoundError, match=r"memory://run: needs fsspec.*tf_lowdef\[remote\]"):
        local_path("memory://run")
