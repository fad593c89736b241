import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from tf_lowdef.files import atomic
from tf_lowdef.jobs import (
    LocalRunner,
    Record,
    RunInUseError,
    RunMismatchError,
    Unit,
    cut,
    fingerprint,
    hold_folder,
    hold_run,
    open_run,
)

IDENTITY = {"tool": "test", "arguments": {"attacks": ["bim:4"], "seed": 0}, "versions": {"numpy": "2.0"}}
UNIT = Unit("oblivious/bim:4/batch-00000", {"places": [3, 1]})
RECORD = Record({"shares": np.array([0.5, np.nan]), "one": np.array(True)}, {"why": "é\udc80"}, (), 1.25)


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_is_saved_is_loaded_again(tmp_path):
    with open_run(tmp_path / "run", IDENTITY) as store:
        assert store.load(UNIT) is None
        store.save(UNIT, RECORD)
        started = store.started
    with open_run(tmp_path / "run", json.loads(json.dumps(IDENTITY))) as store:
        found = store.load(UNIT)
        assert store.started == started
    np.testing.assert_array_equal(found["shares"], RECORD["shares"])
    assert (found["one"].shape, found["one"].dtype, bool(found["one"])) == ((), bool, True)
    assert (found.facts, found.files, found.seconds) == (RECORD.facts, (), 1.25)


def test_a_record_is_a_plain_npz_under_a_name_that_says_what_it_is(tmp_path):
    with open_run(tmp_path, IDENTITY) as store:
        store.save(UNIT, RECORD)
    path = tmp_path / "done" / "oblivious" / "bim%3A4" / "batch-00000.npz"
    with np.load(path) as file:
        np.testing.assert_array_equal(file["shares"], RECORD["shares"])


def test_equal_records_are_equal_files(tmp_path):
    with open_run(tmp_path, IDENTITY) as store:
        store.save(UNIT, RECORD)
        first = store.path(UNIT).read_bytes()
        store.save(UNIT, RECORD)
        assert store.path(UNIT).read_bytes() == first


def test_every_flipped_byte_is_noticed(tmp_path):
    with open_run(tmp_path, IDENTITY) as store:
        store.save(UNIT, RECORD)
        path = store.path(UNIT)
        whole = path.read_bytes()
        for place in range(len(whole)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert store.load(UNIT) is None, place
        for length in (0, 1, 63, 64, 65, len(whole) - 1):
            path.write_bytes(whole[:length])
            assert store.load(UNIT) is None, length
        path.write_bytes(whole)
        assert store.load(UNIT) is not None


def test_a_damaged_unit_is_done_again_and_no_other(tmp_path):
    units = cut("stage", np.arange(10), 4)
    done = []

    def work(unit):
        done.append(unit.name)
        return Record({"places": np.array(unit.task["places"])})

    with open_run(tmp_path, IDENTITY) as store:
        list(LocalRunner(store).run(units, work))
        store.path(units[1]).write_bytes(store.path(units[1]).read_bytes()[:-1])
        assert done == [f"stage/batch-0000{number}" for number in range(3)]
        records = list(LocalRunner(store).run(units, work))
    assert done[3:] == ["stage/batch-00001"]
    assert [record["places"].tolist() for record in records] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_units_of_other_runs_tasks_and_names_do_not_count(tmp_path):
    with open_run(tmp_path / "a", IDENTITY) as store:
        store.save(UNIT, RECORD)
        data = store.path(UNIT).read_bytes()
        assert store.load(Unit(UNIT.name, {"places": [3, 2]})) is None
        other = Unit("oblivious/bim:4/batch-00001", UNIT.task)
        store.path(other).write_bytes(data)
        assert store.load(other) is None
    with open_run(tmp_path / "b", {**IDENTITY, "tool": "other"}) as store:
        store.path(UNIT).parent.mkdir(parents=True)
        store.path(UNIT).write_bytes(data)
        assert store.load(UNIT) is None


def test_a_unit_whose_files_are_gone_does_not_count(tmp_path):
    with open_run(tmp_path / "run", IDENTITY) as store:
        for name in ("../a b.png", "/a b.png"):
            with pytest.raises(ValueError, match="lie in the run's folder"):
                store.save(UNIT, Record(files=(name,)))
            with pytest.raises(ValueError, match="lie in the run's folder"):
                store.save(UNIT, Record(contents={name: b"picture"}))
        inside = store.folder / "pictures" / "a b.png"
        store.save(UNIT, Record(contents={"pictures/a b.png": b"picture"}))
        assert inside.read_bytes() == b"picture"
        assert store.load(UNIT).files == ("pictures/a b.png",)
        inside.write_bytes(b"another")
        assert store.load(UNIT) is None
        inside.unlink()
        assert store.load(UNIT) is None
        inside.write_bytes(b"picture")
        store.save(UNIT, Record(files=("pictures/a b.png",)))
        assert store.load(UNIT).files == ("pictures/a b.png",)
    assert not (tmp_path / "a b.png").exists()


def test_python_objects_and_the_reserved_name_are_refused(tmp_path):
    with open_run(tmp_path, IDENTITY) as store:
        with pytest.raises(ValueError, match="Object arrays"):
            store.save(UNIT, Record({"a": np.array([None])}))
        with pytest.raises(ValueError, match="may be called 'about'"):
            store.save(UNIT, Record({"about": np.zeros(1)}))
        assert store.load(UNIT) is None


def test_different_names_are_different_files_in_the_folder(tmp_path):
    names = ["a:b", "a-b", "a%3Ab", "..", ".", "%2E%2E", "ü", "Ü" * 100, "x" * 300, "x" * 301]
    with open_run(tmp_path, IDENTITY) as store:
        for number, name in enumerate(names):
            store.save(Unit(f"stage/{name}/batch"), Record(facts={"number": number}))
        found = [store.load(Unit(f"stage/{name}/batch")).facts["number"] for name in names]
        assert {store.path(Unit(f"stage/{name}/batch")).parents[1] for name in names} == {tmp_path / "done" / "stage"}
    assert found == list(range(len(names)))


def test_another_run_is_refused_field_by_field(tmp_path):
    with open_run(tmp_path, IDENTITY) as store:
        store.save(UNIT, RECORD)
    before = contents(tmp_path)
    now = {"tool": "test", "arguments": {"attacks": ["bim:8"], "seed": 0, "limit": 5}, "data": {"images": 3}}
    with pytest.raises(RunMismatchError) as refused, open_run(tmp_path, now):
        pytest.fail("it was opened")
    text = str(refused.value)
    assert text.startswith(f"{tmp_path}: holds another run (")
    assert 'arguments.attacks: ["bim:4"], now ["bim:8"]' in text
    assert "arguments.limit: nothing, now 5" in text
    assert "data.images: nothing, now 3" in text
    assert 'versions.numpy: "2.0", now nothing' in text
    assert "seed" not in text
    assert "--restart" in text
    assert contents(tmp_path).keys() == before.keys()
    assert {k: v for k, v in contents(tmp_path).items() if k != "done/lock"} == {
        k: v for k, v in before.items() if k != "done/lock"
    }


def test_a_fingerprint_knows_no_order():
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint({"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 1.5}) != fingerprint({"a": "1"})


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 9, "started": "2020-01-01", "identity": {}}']
)
def test_a_damaged_manifest_is_refused(tmp_path, text):
    with open_run(tmp_path, IDENTITY) as store:
        store.save(UNIT, RECORD)
    (tmp_path / "done" / "run.json").write_text(text)
    with pytest.raises(RunMismatchError, match="is damaged|format 9"), open_run(tmp_path, IDENTITY):
        pytest.fail("it was opened")
    assert (tmp_path / "done" / "run.json").read_text() == text


def test_somebody_elses_folder_is_refused_and_stays(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds files already"), open_run(tmp_path, IDENTITY):
        pytest.fail("it was opened")
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
    with pytest.raises(FileExistsError, match="holds files already"), open_run(tmp_path / "precious.txt", IDENTITY):
        pytest.fail("it was opened")
    (tmp_path / "other" / "done").mkdir(parents=True)
    (tmp_path / "other" / "done" / "tomatoes.txt").write_text("mine too")
    with pytest.raises(FileExistsError, match="holds files already"), open_run(tmp_path / "other", IDENTITY):
        pytest.fail("it was opened")


def test_an_error_before_the_first_unit_leaves_nothing(tmp_path):
    (tmp_path / "mine").mkdir()
    for folder in (tmp_path / "mine", tmp_path / "new"):
        with pytest.raises(ValueError, match="no such attack"), open_run(folder, IDENTITY):
            raise ValueError("no such attack")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def test_an_error_later_keeps_what_is_done(tmp_path):
    def stop_after_the_first_unit():
        with open_run(tmp_path, IDENTITY) as store:
            store.save(UNIT, RECORD)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_after_the_first_unit()
    with open_run(tmp_path, IDENTITY) as store:
        assert store.load(UNIT) is not None


def test_a_run_that_was_killed_before_its_first_unit_is_in_nobodys_way(tmp_path):
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "lock").write_text("")
    with open_run(tmp_path, IDENTITY):
        pass
    with open_run(tmp_path, {"tool": "another"}) as store:
        store.save(UNIT, RECORD)
    with pytest.raises(RunMismatchError), open_run(tmp_path, IDENTITY):
        pytest.fail("it was opened")


def test_one_at_a_time_in_one_process_too(tmp_path):
    with open_run(tmp_path, IDENTITY) as store:
        with (
            pytest.raises(RunInUseError, match=f"in use by process {os.getpid()} on .* since 20"),
            open_run(tmp_path, IDENTITY),
        ):
            pytest.fail("it was opened")
        store.save(UNIT, RECORD)
    with open_run(tmp_path, IDENTITY) as store:
        assert store.load(UNIT) is not None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("moment", ["data", "flush"])
def test_a_full_disk_is_clear_and_the_run_goes_on(tmp_path, monkeypatch, number, moment):
    units, done = cut("stage", np.arange(4), 1), []

    def work(unit):
        done.append(unit.name)
        if len(done) == 3:
            fill_the_disk()
        return Record({"places": np.array(unit.task["places"])})

    def write_bytes(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        fail()

    def fail(*_):
        raise OSError(number, os.strerror(number))

    def run():
        with open_run(tmp_path / "run", IDENTITY) as store:
            return list(LocalRunner(store).run(units, work))

    def fill_the_disk():
        if moment == "data":
            patch.setattr(Path, "write_bytes", write_bytes)
        else:
            patch.setattr(atomic, "_flush", fail)

    with monkeypatch.context() as patch:
        with pytest.raises(OSError, match=f"{os.strerror(number)}. What is finished is kept") as full:
            run()
        assert str(tmp_path / "run") in str(full.value)
    there = {path.name for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert there == {"run.json", "lock", "batch-00000.npz", "batch-00001.npz"}
    assert [int(record["places"][0]) for record in run()] == [0, 1, 2, 3]
    assert done == [f"stage/batch-0000{number}" for number in (0, 1, 2, 2, 3)]


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(PermissionError, match="^.Errno 13"), open_run(tmp_path / "run", IDENTITY):
        raise PermissionError(errno.EACCES, "no")


def test_a_runner_without_a_store_keeps_nothing():
    runner = LocalRunner()
    units = cut("stage", np.arange(3), 2)
    assert [unit.name for unit in units] == ["stage/batch-00000", "stage/batch-00001"]
    found = list(runner.run(units, lambda unit: Record(facts=dict(unit.task))))
    assert [record.facts["places"] for record in found] == [[0, 1], [2]]
    assert runner.find(units[0]) is None
    assert runner.earlier == 0
    assert all(record.seconds > 0 for record in found)


def test_units_are_done_when_they_are_asked_for(tmp_path):
    done = []

    def work(unit):
        done.append(unit.name)
        return Record()

    with open_run(tmp_path, IDENTITY) as store:
        records = LocalRunner(store).run(cut("stage", np.arange(3), 1), work)
        next(records)
        records.close()
        runner = LocalRunner(store)
        next(runner.run(cut("stage", np.arange(3), 1), work))
    assert done == ["stage/batch-00000"]
    assert runner.earlier > 0


def test_a_folder_itself_is_locked_and_nothing_is_left_in_it(tmp_path):
    again = pytest.raises(RunInUseError, match=f"{tmp_path}: in use by another process")
    with hold_folder(tmp_path), again, hold_folder(tmp_path):
        pytest.fail("it was opened")
    with hold_folder(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_a_run_is_held_as_long_as_somebody_moves_it(tmp_path):
    with hold_run(tmp_path / "nowhere"):
        pass
    with open_run(tmp_path, IDENTITY) as store:
        store.save(UNIT, RECORD)
        with pytest.raises(RunInUseError), hold_run(tmp_path):
            pytest.fail("it was held")
    with hold_run(tmp_path), pytest.raises(RunInUseError), open_run(tmp_path, IDENTITY):
        pytest.fail("it was opened")
