"""A run whose folder lies on one of fsspec's file systems equals one in a folder of this machine."""

from __future__ import annotations

import json

import fsspec
import numpy as np
import pytest

from tf_lowdef import evaluate
from tf_lowdef.evaluation.provenance import move_aside
from tf_lowdef.evaluation.sweep import sweep
from tf_lowdef.jobs import RunMismatchError, Store

ARGUMENTS = {
    "attacks": ["bim:2"],
    "defences": ["none", "webp:60,method=0"],
    "threat": ["oblivious", "adaptive"],
    "batch_size": 4,
    "seed": 3,
}
TIMES = ("started", "seconds", "attack_seconds")


@pytest.fixture
def url(tmp_path):
    files = fsspec.filesystem("memory")
    yield f"memory://{tmp_path.name}/run"
    files.rm(f"/{tmp_path.name}", recursive=True)


def without_times(content):
    if isinstance(content, dict):
        return {key: without_times(value) for key, value in content.items() if key not in TIMES}
    return [without_times(value) for value in content] if isinstance(content, list) else content


def fetch(url, folder):
    fsspec.filesystem("memory").get(url.removeprefix("memory:/"), str(folder), recursive=True)
    return results(folder)


def results(folder):
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}
    found["correct.csv"] = (folder / "correct.csv").read_bytes()
    return found | {n: without_times(json.loads((folder / n).read_text())) for n in ("results.json", "run.json")}


@pytest.mark.slow
def test_a_run_at_a_url_equals_one_in_a_folder_also_after_a_stop(url, model, dataset, tmp_path, monkeypatch):
    save, saved = Store.save, []

    def stop_at_the_fourth(store, unit, record):
        if len(saved) == 3:
            raise KeyboardInterrupt
        save(store, unit, record)
        saved.append(unit.name)

    monkeypatch.setattr(Store, "save", stop_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        evaluate(model, dataset, out=url, **ARGUMENTS)
    monkeypatch.setattr(Store, "save", lambda store, unit, record: (saved.append(unit.name), save(store, unit, record)))
    evaluate(model, dataset, out=url, **ARGUMENTS)
    assert len(saved) == len(set(saved))
    evaluate(model, dataset, out=f"file://{tmp_path}/here", **ARGUMENTS)
    assert fetch(url, tmp_path / "fetched") == results(tmp_path / "here")
    with pytest.raises(RunMismatchError, match="run: holds another run"):
        evaluate(model, dataset, out=url, **{**ARGUMENTS, "seed": 4})
    assert move_aside(url) == f"{url}.1"
    assert fsspec.filesystem("memory").exists(f"{url}.1/results.json")


def test_a_sweep_at_a_url(url, model, dataset):
    found = sweep(model, dataset, ["fgsm:8"], [60], [0], [False], 100, url, batch_size=len(dataset[0]))
    content = json.loads(fsspec.filesystem("memory").cat_file(f"{url}/sweep.json"))
    assert content["chosen"] == found.chosen == "webp:60,method=0"
    assert np.array(content["rows"]).shape == (2,)
