"""Ray's workers do what one process does: every unit once, whoever is lost on the way."""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np
import pytest

from tf_lowdef.jobs import LocalRunner, Record, SplitWork, cut, open_run
from tf_lowdef.jobs.ray import RayOptions, RayRunner

pytestmark = pytest.mark.slow

IDENTITY = {"tool": "test"}
UNITS = cut("stage", np.arange(60), 3)


def make_site():
    return {"offset": 100, "pid": os.getpid()}


def square(site, places):
    time.sleep(0.05)
    if 21 in places and site.get("poison"):
        raise ValueError("21 is a poor number")
    name = f"pictures/{places[0]:03d}.bin"
    arrays = {"values": np.array(places) ** 2 + site["offset"]}
    return Record(arrays, {"pid": site["pid"]}, contents={name: bytes(places)})


def deadly(site, places):
    if 9 in places:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(site, places)


def deadly_twice(site, places):
    """Kill the first two workers that do unit 3, and the first two that do unit 4."""
    killed = site["killed"] / str(places[0])
    if places[0] in (9, 12) and (not killed.exists() or len(killed.read_bytes()) < 2):
        with killed.open("ab") as deaths:
            deaths.write(b"x")
        os.kill(os.getpid(), signal.SIGKILL)
    return square(site, places)


def prepare(unit):
    return unit.task["places"]


@pytest.fixture(scope="module", autouse=True)
def by_value():
    """Workers cannot import this file, so its functions travel whole."""
    cloudpickle = pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'").cloudpickle
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture
def by_hand(tmp_path):
    """What one process makes of it."""
    with open_run(tmp_path / "by hand", IDENTITY) as store:
        records = list(LocalRunner(store).run(UNITS, SplitWork(prepare, square, make_site())))
    return [record["values"].tolist() for record in records], tree(tmp_path / "by hand")


def tree(folder):
    files = [
        path for path in folder.rglob("*") if path.is_file() and path.suffix != ".npz" and "done" not in path.parts
    ]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def values(records):
    return [record["values"].tolist() for record in records]


def of_two(site, places):
    """Wait until there are two workers; then do as always."""
    while len(list(site["here"].iterdir())) < 2:
        time.sleep(0.01)
    return square(site, places)


def test_a_lost_node_costs_its_units_and_no_other(two_nodes, by_hand, tmp_path):
    address, kill_second = two_nodes
    done, pids, lost = [], set(), False
    here = tmp_path / "here"
    here.mkdir()

    def make_site_here():
        (here / str(os.getpid())).touch()
        return {**make_site(), "here": here}

    with open_run(tmp_path / "run", IDENTITY) as store:
        list(LocalRunner(store).run(UNITS[:2], SplitWork(prepare, square, make_site())))
        save = store.save
        store.save = lambda unit, record: (done.append(unit.name), save(unit, record))
        with RayRunner(RayOptions(address, workers=2), make_site_here, store) as runner:
            records = []
            for record in runner.run(UNITS, SplitWork(prepare, of_two, None)):
                records.append(record)
                pids.add(record.facts["pid"])
                if not lost and len(pids - {os.getpid()}) == 2:
                    kill_second()
                    lost = True
        assert lost
        assert values(records) == by_hand[0]
        assert all(store.load(unit) is not None for unit in UNITS)
    assert tree(tmp_path / "run") == by_hand[1]
    assert sorted(done) == sorted(unit.name for unit in UNITS[2:])  # each once


@pytest.fixture(scope="module")
def one_machine():
    """Ray on this machine, for a test's runners in turn."""
    import ray

    ray.init(address="local", num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False)
    yield
    ray.shutdown()


def test_errors_arrive_as_they_were_raised_and_what_is_done_is_kept(one_machine, by_hand, tmp_path):
    poisoned = {"offset": 100, "pid": 0, "poison": True}
    with open_run(tmp_path / "run", IDENTITY) as store:
        with (
            RayRunner(RayOptions(workers=2), lambda: poisoned, store) as runner,
            pytest.raises(ValueError, match="^21 is a poor number$"),
        ):
            list(runner.run(UNITS, SplitWork(prepare, square, None)))
        kept = [unit.name for unit in UNITS if store.load(unit) is not None]
        assert len(kept) >= 4  # of the seven before it two may be in the other worker, and one on its way from this one
        assert UNITS[7].name not in kept
        with RayRunner(RayOptions(workers=2), make_site, store) as runner:
            assert values(runner.run(UNITS, SplitWork(prepare, square, None))) == by_hand[0]
        with pytest.raises(ValueError, match="no site"), RayRunner(RayOptions(workers=1), no_site) as runner:
            list(runner.run(UNITS, SplitWork(prepare, square, None)))


def no_site():
    raise ValueError("no site")


def test_a_unit_that_kills_its_workers_ends_the_run_and_the_rest_is_kept(one_machine, tmp_path):
    with open_run(tmp_path / "run", IDENTITY) as store:
        with (
            RayRunner(RayOptions(workers=2), make_site, store) as runner,
            pytest.raises(OSError, match="stage/batch-00003: 4 workers were lost with it"),
        ):
            list(runner.run(UNITS, SplitWork(prepare, deadly, None)))
        assert all(store.load(unit) is not None for unit in UNITS[:3])


def test_a_unit_is_not_blamed_for_the_one_beside_it(one_machine, by_hand, tmp_path):
    # with one worker, units 3 and 4 are in it together: four workers are lost, but with neither of the units all four
    site = {"offset": 100, "pid": 0, "killed": tmp_path}
    with RayRunner(RayOptions(workers=1), lambda: site) as runner:
        assert values(runner.run(UNITS[:8], SplitWork(prepare, deadly_twice, None))) == by_hand[0][:8]
    assert [(tmp_path / name).read_bytes() for name in ("9", "12")] == [b"xx", b"xx"]


def test_a_stage_that_is_left_early_is_in_no_ones_way(one_machine, by_hand, tmp_path):
    with open_run(tmp_path / "run", IDENTITY) as store, RayRunner(RayOptions(workers=2), make_site, store) as runner:
        early = runner.run(cut("early", np.arange(60), 3), SplitWork(prepare, square, None))
        assert next(early)["values"].tolist() == [100, 101, 104]
        early.close()
        here = runner.run(UNITS[:1], lambda unit: Record(facts={"pid": os.getpid()}))
        assert next(here).facts == {"pid": os.getpid()}
        rest = list(runner.run(UNITS[1:], SplitWork(prepare, square, None)))
    assert values(rest) == by_hand[0][1:]


def test_gpus_that_are_not_there(tmp_path):
    with pytest.raises(ValueError, match="There are 0 GPUs"), RayRunner(RayOptions(gpus_per_worker=1), make_site):
        pytest.fail("it was started")
