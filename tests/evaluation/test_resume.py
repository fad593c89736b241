"""A run that is stopped at any moment and started again gives the results of one that nobody disturbed."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from tf_lowdef import as_classifier, evaluate
from tf_lowdef.evaluation.models import run_models
from tf_lowdef.evaluation.provenance import move_aside
from tf_lowdef.files import is_temporary
from tf_lowdef.jobs import RunInUseError, RunMismatchError, Store, store

# strong enough that little is left for the costly end of a cascade
ATTACKS, DEFENCES, THREATS = ["fgsm:4", "bim:6"], ["none", "webp:60"], ["oblivious", "adaptive"]
OPTIONS = {"batch_size": 10, "budget": "quick", "seed": 3}
SHAPE = (24, 24, 3)
TIMES = ("started", "seconds", "attack_seconds")

PROGRAM = """
import os
import sys
import traceback

import keras
import numpy as np

import tf_lowdef.evaluation  # takes seconds, so it is done once, and every run is a fork

model, data = sys.argv[1:]


def run(out):
    with np.load(data) as file:
        arrays = file["images"], file["labels"]
    classifier = keras.models.load_model(model)
    tf_lowdef.evaluation.evaluate(classifier, arrays, {attacks}, {defences}, {threats}, out, **{options})


for line in sys.stdin:
    word, _, out = line.strip().partition(" ")
    if word == "start":
        pid = os.fork()
        if not pid:
            try:
                run(out)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(pid, flush=True)
    else:
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def without_times(content):
    if isinstance(content, dict):
        return {key: without_times(value) for key, value in content.items() if key not in TIMES}
    return [without_times(value) for value in content] if isinstance(content, list) else content


def results(folder):
    """Return all that must be equal: the results without times, every image, and the table of single images."""
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file() and "done" not in p.parts}
    assert not [name for name, path in files.items() if is_temporary(path)]
    found = {name: path.read_bytes() for name, path in files.items() if path.suffix in (".png", ".json", ".csv")}
    found.pop("results.csv")  # the same rows as results.json, with the seconds among them
    return {n: without_times(json.loads(v)) if n.endswith(".json") else v for n, v in found.items()}


def units(folder):
    records = [path for path in (folder / "done").rglob("*.npz") if not is_temporary(path)]
    return sorted(path.relative_to(folder / "done").as_posix() for path in records)


@pytest.fixture(scope="module")
def run(model, dataset):
    """A function that runs the evaluation in a folder, with some arguments changed."""

    def run(out, **changes):
        arguments = {"attacks": ATTACKS, "defences": DEFENCES, "threat": THREATS, **OPTIONS, **changes}
        return evaluate(arguments.pop("model", model), arguments.pop("data", dataset), out=out, **arguments)

    return run


@pytest.fixture(scope="module")
def undisturbed(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    run(folder)
    assert {"results.json", "run.json", "correct.csv"} < results(folder).keys()
    return folder


def test_units_are_named_by_what_they_are(undisturbed):
    names = units(undisturbed)
    for name in (
        *(
            f"{what}/batch-0000{number}.npz"
            for what in ("selection", "clean", "oblivious/bim%3A6")
            for number in range(2)
        ),
        "images.npz",
        "oblivious/gradient.npz",
        "adaptive/webp%3A60/gradient.npz",
        "adaptive/webp%3A60/bim%3A6/batch-00000.npz",
    ):
        assert name in names


def test_a_finished_run_is_not_done_again(run, undisturbed, tmp_path, monkeypatch):
    folder = shutil.copytree(undisturbed, tmp_path / "run")
    before = results(folder)
    monkeypatch.setattr(run_models, "run_attack", lambda *_: pytest.fail("it was attacked again"))
    monkeypatch.setattr(run_models, "gives_gradient", lambda *_: pytest.fail("it was asked again"))
    run(folder)
    assert results(folder) == before
    content = json.loads((folder / "run.json").read_text())
    assert content["started"] == json.loads((undisturbed / "run.json").read_text())["started"]
    assert content["seconds"] > 0.5 * json.loads((undisturbed / "run.json").read_text())["seconds"]


class Killed(BaseException):
    pass


def each_seed(default, slow, count):
    """Try that many seeds: the first ones by default, those up to `slow` in the slow tests, the rest by hand."""
    marks = [[]] * default + [[pytest.mark.slow]] * (slow - default) + [[pytest.mark.long]] * (count - slow)
    return pytest.mark.parametrize("seed", [pytest.param(seed, marks=mark) for seed, mark in enumerate(marks)])


@each_seed(default=1, slow=4, count=10)
def test_stopped_at_any_unit_or_picture(run, undisturbed, tmp_path, monkeypatch, seed):
    """Without warning, in this process: at a seeded count of records or pictures that are written."""
    moment = random.Random(seed)
    pictures = len(list((undisturbed / "adversarial").rglob("*.png")))
    writes = len(units(undisturbed)) + pictures
    module, name, most = [(Store, "save", len(units(undisturbed))), (store, "write_bytes", writes)][seed % 2]
    left, whole = moment.randrange(most), getattr(module, name)

    def stopping(*arguments):
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        whole(*arguments)

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(module, name, stopping)
        with pytest.raises(Killed):
            run(folder)
    assert not (folder / "results.json").exists()
    run(folder)
    assert results(folder) == results(undisturbed)
    assert units(folder) == units(undisturbed)


def test_damaged_records_and_lost_pictures_are_made_again(run, undisturbed, tmp_path):
    folder = shutil.copytree(undisturbed, tmp_path / "run")
    before = results(folder)
    damaged = folder / "done" / "adaptive" / "webp%3A60" / "bim%3A6" / "batch-00000.npz"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:100] + bytes(10) + whole[110:])
    shutil.copy(folder / "done" / "clean" / "batch-00000.npz", folder / "done" / "clean" / "batch-00001.npz")
    (folder / "adversarial" / "bim-6" / "03.png").unlink()
    pictures = sorted((folder / "adversarial" / "adaptive" / "webp-60").rglob("*.png"))
    kept = pictures[0].read_bytes()
    pictures[0].write_bytes(pictures[1].read_bytes())  # whole, but not what the run wrote
    run(folder)
    assert results(folder) == before
    assert pictures[0].read_bytes() == kept


@pytest.mark.slow
def test_a_full_disk_is_clear_and_the_run_goes_on(run, undisturbed, tmp_path, monkeypatch):
    folder, left = tmp_path / "run", 30
    whole = store.write_bytes

    def full(*arguments):
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_bytes", full)
        with pytest.raises(OSError, match="No space left on device. What is finished is kept: make room") as caught:
            run(folder)
    assert str(folder) in str(caught.value)
    run(folder)
    assert results(folder) == results(undisturbed)


def test_another_run_is_refused_with_what_differs(run, undisturbed, model, dataset, tmp_path):
    folder = shutil.copytree(undisturbed, tmp_path / "run")
    before = results(folder)
    other = keras.models.clone_model(model)
    other.set_weights([weights * 2 for weights in model.get_weights()])
    images, labels = dataset
    changes = [
        ({"seed": 4}, r"arguments\.seed: 3, now 4\)"),
        ({"attacks": ["fgsm:4"]}, r'arguments\.attacks: \["fgsm:4", "bim:6"\], now \["fgsm:4"\]\)'),
        ({"limit": 5}, r"arguments\.limit: null, now 5\)"),
        ({"model": other}, r'model\.weights_sha256: "[0-9a-f]{64}", now "[0-9a-f]{64}"'),
        ({"data": (images[:19], labels[:19])}, r"data\.images: 20, now 19"),
        ({"data": (images, (labels + 1) % 4)}, r"data\.names_and_labels_sha256: "),
        (
            {"data": (np.where(np.arange(20)[:, None, None, None] == 7, 255 - images, images), labels)},
            "'07' has changed",
        ),
    ]
    for change, message in changes:
        with pytest.raises(RunMismatchError, match=message) as refused:
            run(folder, **change)
        assert "--restart" in str(refused.value)
    assert results(folder) == before


def test_models_that_differ_in_a_layers_setting_alone_are_told_apart(model, dataset, tmp_path, noise_layer):
    def noisy(amount):
        return keras.Sequential([keras.Input((24, 24, 3)), noise_layer(amount, name="noise"), model], name="noisy")

    evaluate(noisy(1.0), dataset, [], ["none"], out=tmp_path / "run", limit=4)
    with pytest.raises(RunMismatchError, match=r"\(model\.config_sha256: [^;]*\)"):
        evaluate(noisy(2.0), dataset, [], ["none"], out=tmp_path / "run", limit=4)


class Mine(keras.Model):
    """An ordinary subclassed model, which cannot describe itself."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, inputs):
        return self.inner(inputs)


def test_another_input_range_is_another_run(model, dataset, tmp_path):
    for threat, surrogate in (("oblivious", None), ("transfer", as_classifier(Mine(model), (0, 1), "logits", SHAPE))):
        out = tmp_path / threat
        given = {"threat": threat, "out": out, "limit": 4, "seed": 3}
        evaluate(Mine(model), dataset, ["fgsm:4"], ["none"], surrogate=surrogate, input_range=(0, 255), **given)
        evaluate(Mine(model), dataset, ["fgsm:4"], ["none"], surrogate=surrogate, **given)  # which finds the same
        with pytest.raises(RunMismatchError, match=r'model\.input_range: "0,255", now "0,1"'):
            evaluate(Mine(model), dataset, ["fgsm:4"], ["none"], surrogate=surrogate, input_range=(0, 1), **given)
    other = as_classifier(Mine(model), (0, 255), "logits", SHAPE)
    with pytest.raises(RunMismatchError, match=r'surrogate\.input_range: "0,1", now "0,255"'):
        evaluate(Mine(model), dataset, ["fgsm:4"], ["none"], surrogate=other, **given)


def test_a_picture_that_is_gone_is_named_and_the_run_goes_on_with_it(model, csv_data, tmp_path):
    folder, picture = tmp_path / "run", csv_data.parent / "images" / "05.png"
    evaluate(model, csv_data, ["fgsm:4"], ["none"], out=folder)
    before, content = results(folder), picture.read_bytes()
    picture.unlink()
    with pytest.raises(RunMismatchError, match="'images/05' was there when the run began.*Put it back"):
        evaluate(model, csv_data, ["fgsm:4"], ["none"], out=folder)
    picture.write_bytes(content)
    evaluate(model, csv_data, ["fgsm:4"], ["none"], out=folder)
    assert results(folder) == before


def test_one_that_vanished_stays_skipped(model, csv_data, tmp_path):
    picture = csv_data.parent / "images" / "05.png"
    content = picture.read_bytes()

    def remove(what, done, total):
        if what.startswith("Classifying"):
            picture.unlink(missing_ok=True)

    evaluate(model, csv_data, [], ["none"], out=tmp_path / "run", progress=remove)
    before = results(tmp_path / "run")
    assert [item["image"] for item in before["run.json"]["skipped"]] == ["images/05"]
    before["run.json"]["data"].pop("sha256")
    picture.write_bytes(content)
    evaluate(model, csv_data, [], ["none"], out=tmp_path / "run")
    after = results(tmp_path / "run")
    after["run.json"]["data"].pop("sha256")  # of the file that is back
    assert after["run.json"] == before["run.json"]
    assert after["correct.csv"] == before["correct.csv"]


@pytest.mark.slow
def test_not_a_number_keeps_what_was_done(run, undisturbed, tmp_path, monkeypatch):
    folder, left = tmp_path / "run", 3
    whole = run_models.run_attack

    def poisoned(*arguments):
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError("The model's output is NaN or infinite for image 0 of a batch of 8")
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(run_models, "run_attack", poisoned)
        with pytest.raises(ValueError, match="NaN or infinite"):
            run(folder)
    done = units(folder)
    assert set(done) < set(units(undisturbed))
    assert not [path for path in folder.rglob("*") if is_temporary(path)]
    run(folder)
    assert results(folder) == results(undisturbed)


def test_a_model_whose_output_is_not_a_number_says_so(model, nan_model, dataset, tmp_path):
    poisoned = nan_model(model, dataset[0][9])
    for _ in range(2):
        with pytest.raises(ValueError, match="The model's output is NaN or infinite for the clean image '09'"):
            evaluate(poisoned, dataset, ["fgsm:4"], ["none"], out=tmp_path / "run", batch_size=8)
        assert units(tmp_path / "run") == ["selection/batch-00000.npz"]
        assert {path.name for path in (tmp_path / "run").iterdir()} == {"done"}


def test_a_second_process_and_a_restart_are_refused_while_one_works(model, dataset, tmp_path):
    folder, refused = tmp_path / "run", []

    def intrude(what, done, total):
        if what.startswith("Attacking") and not refused:
            for call in (lambda: evaluate(model, dataset, [], ["none"], out=folder), lambda: move_aside(folder)):
                with pytest.raises(RunInUseError, match=f"in use by process {os.getpid()} on "):
                    call()
                refused.append(call)

    evaluate(model, dataset, [], ["none"], out=folder, progress=intrude)
    assert len(refused) == 2
    assert move_aside(folder) == tmp_path / "run.1"
    assert (tmp_path / "run.1" / "results.json").is_file()


class Runs:
    """Starts the evaluation in processes of its own, one at a time, and waits for their end."""

    def __init__(self, process):
        self._process = process

    def start(self, out):
        return int(self._ask(f"start {out}"))

    def wait(self):
        return int(self._ask("wait"))

    def _ask(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


@pytest.fixture(scope="module")
def runs(model, dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("program")
    model.save(folder / "model.keras")
    np.savez(folder / "data.npz", images=dataset[0], labels=dataset[1])
    options = {"batch_size": 10, "seed": 3}
    text = PROGRAM.format(attacks=ATTACKS, defences=DEFENCES, threats=THREATS, options=options)
    (folder / "program.py").write_text(text)
    command = [sys.executable, *(os.fspath(folder / name) for name in ("program.py", "model.keras", "data.npz"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Runs(process)
        process.stdin.close()


@pytest.fixture(scope="module")
def alone(runs, tmp_path_factory):
    """What nobody disturbed."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    runs.start(folder)
    assert runs.wait() == 0
    return folder


def kill(runs, folder, total, moment):
    """Kill a run at a seeded moment; again where a busy machine let it finish before the signal."""
    count, delay = moment.randrange(total - 3), moment.uniform(0, 0.1)
    for _ in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        pid = runs.start(folder)
        deadline = time.monotonic() + 120
        while len(units(folder)) < count:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)  # or what is left of it until it has been waited for
        code = runs.wait()
        assert code in (0, -signal.SIGKILL)
        if code:
            return
    pytest.fail("five runs were over before they could be killed")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@each_seed(default=1, slow=4, count=20)
def test_kill_9(runs, alone, tmp_path, seed):
    folder = tmp_path / "run"
    kill(runs, folder, len(units(alone)), random.Random(seed))
    before = {name: (folder / "done" / name).read_bytes() for name in units(folder)}
    runs.start(folder)
    assert runs.wait() == 0
    assert units(folder) == units(alone)
    assert results(folder) == results(alone)
    assert all((folder / "done" / name).read_bytes() == record for name, record in before.items())
