"""Gates in an evaluation: thresholds on images of their own, detection beside accuracy, both answers attacked."""

from __future__ import annotations

import numpy as np
import pytest

from tf_lowdef import evaluate
from tf_lowdef.jobs import RunMismatchError
from tf_lowdef.report import conclusion, to_markdown
from tf_lowdef.report.page import to_html
from tf_lowdef.results import Results

GATE = "gate:0.2(bits:3)"


@pytest.fixture(scope="module")
def results(model, dataset, tmp_path_factory):
    images, labels = (np.concatenate([part, part[::-1]]) for part in dataset)
    images[20:, :, :, 0] += 1  # otherwise every image would be there twice
    folder = tmp_path_factory.mktemp("runs") / "run"
    found = evaluate(
        model, (images, labels), ["bim:6"], ["none", "bits:3", GATE], ["oblivious", "adaptive"], folder, batch_size=8
    )
    return found, folder


def test_the_threshold_is_chosen_on_images_that_are_not_judged(results):
    found, _ = results
    record = found.run["gates"]
    assert record["set_aside"] == 20
    assert found.n == 20
    threshold = record["thresholds"][GATE]
    assert threshold["n"] == 20
    assert threshold["suspected"] <= 0.2 * 20
    assert not [warning for warning in found.warnings if "same as some" in warning]


def test_a_gate_answers_as_one_of_the_two(results):
    found, _ = results
    for attack in ("none", "bim:6"):
        bare, always, gated = (found.row(attack, each).per_image for each in ("none", "bits:3", GATE))
        assert all(mine in both for mine, *both in zip(gated, bare, always, strict=True))


def test_detection_stands_in_rows_files_and_reports(results):
    found, folder = results
    row = found.row("bim:6", GATE)
    assert row.detection_n == sum(
        before == 1 and after == 0
        for before, after in zip(found.row("none", "none").per_image, found.row("bim:6", "none").per_image, strict=True)
    )
    assert 0 <= row.auc_ci95[0] <= row.auc <= row.auc_ci95[1] <= 1
    assert row.caught_1 is None  # 20 images cannot tell 1 %
    assert 0 <= row.caught_5 <= 1
    assert found.row("none", GATE).suspected is not None
    assert found.row("bim:6", "bits:3").auc is None
    again = Results.load(folder)
    assert again.row("bim:6", GATE) == row
    assert "auc_low" in (folder / "results.csv").read_text().splitlines()[0]
    assert "## Detection" in to_markdown(again)
    assert "Detection" in to_html(again, [], []).decode()
    assert f"`{GATE}` is right on" in conclusion(again)
    assert "attacks both its answers and the detector" in conclusion(again)


def test_the_adaptive_attacker_is_told_apart_from_the_oblivious_one(results):
    found, _ = results
    worst = found.worst(GATE, 6)
    assert worst is not None
    assert worst.top1 <= found.row("bim:6", GATE).top1
    assert worst.detection_n == sum(
        before >= 0.5 and after < 0.5
        for before, after in zip(found.row("none", GATE).per_image, worst.per_image, strict=True)
    )


def test_too_few_images_for_the_rate(model, dataset):
    with pytest.raises(ValueError, match="takes 19 clean images or more that are not judged, and half"):
        evaluate(model, dataset, ["bim:4"], ["gate(bits:3)"])


def test_calibration_must_be_other_images_and_have_a_gate(model, dataset):
    with pytest.raises(ValueError, match="`calibration` is for gates"):
        evaluate(model, dataset, ["bim:4"], ["bits:3"], calibration=dataset)
    with pytest.raises(ValueError, match="20 are in both"):
        evaluate(model, dataset, ["bim:4"], [GATE], calibration=dataset)


def test_given_calibration_images_leave_all_others_to_be_judged(model, dataset):
    images, labels = dataset
    other = np.clip(images.astype(int) + 1, 0, 255).astype(np.uint8)
    found = evaluate(model, dataset, ["bim:4"], [GATE], calibration=(other, labels), limit=10)
    assert found.n == 10
    assert found.run["gates"]["set_aside"] == 0


def test_other_calibration_pixels_are_another_run(model, dataset, tmp_path):
    images, labels = dataset
    other = np.clip(images.astype(int) + 1, 0, 255).astype(np.uint8)
    given = {"out": tmp_path / "run", "limit": 4}
    for _ in range(2):
        evaluate(model, dataset, [], [GATE], calibration=(other, labels), **given)
    other[3, 0, 0, 0] ^= 1
    with pytest.raises(RunMismatchError, match="calibration_pixels_sha256"):
        evaluate(model, dataset, [], [GATE], calibration=(other, labels), **given)


def test_other_pixels_of_the_half_set_aside_are_another_run(model, dataset, tmp_path):
    images, labels = dataset
    found = evaluate(model, dataset, [], [GATE], out=tmp_path / "run")
    aside = next(index for index in range(20) if f"{index:02d}" not in found.images)
    other = images.copy()
    other[aside, 0, 0, 0] ^= 1
    with pytest.raises(RunMismatchError, match="calibration_pixels_sha256"):
        evaluate(model, (other, labels), [], [GATE], out=tmp_path / "run")
