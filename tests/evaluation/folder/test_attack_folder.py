import csv
import dataclasses
import errno
import os
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from tf_lowdef.attacks import BIM, FGSM, DeepFool
from tf_lowdef.evaluation.folder import keeping
from tf_lowdef.evaluation.folder.attack_folder import attack_folder
from tf_lowdef.evaluation.folder.log import LOST, MISCLASSIFIED, NOT_FOUND, status
from tf_lowdef.files import is_temporary
from tf_lowdef.jobs import RunInUseError
from tf_lowdef.jobs.ray import RayOptions


def table(out):
    with (out / "attack.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def read(path):
    return np.asarray(Image.open(path))


def test_labelled_images(model, csv_data, dataset, tmp_path):
    summary = attack_folder(model, csv_data, tmp_path / "out", BIM(4), batch_size=8)
    images, labels = dataset
    rows = table(tmp_path / "out")
    assert (summary.converted, summary.failed, summary.failed_csv) == (20, [], None)
    assert [row["file"] for row in rows] == [f"images/{index:02d}.png" for index in range(20)]
    written = np.stack([read(tmp_path / "out" / row["written"]) for row in rows])
    predictions = model.predict(written.astype(np.float32), verbose=0).argmax(axis=1)
    for index, row in enumerate(rows):
        difference = written[index].astype(float) - images[index]
        assert int(row["label"]) == labels[index]
        assert int(row["after"]) == int(row["reread"]) == predictions[index]
        assert float(row["linf"]) == np.abs(difference).max() <= 4
        assert float(row["l2"]) == pytest.approx(np.sqrt(((difference / 255) ** 2).sum()), rel=1e-4)
        assert row["status"] == status(labels[index], int(row["before"]), predictions[index], False)
    assert rows[0]["status"] == MISCLASSIFIED
    assert summary.notes[MISCLASSIFIED] == 1


def test_without_labels_the_prediction_takes_their_place(model, csv_data, tmp_path):
    attack_folder(model, csv_data.parent / "images", tmp_path / "out", BIM(4))
    rows = table(tmp_path / "out")
    assert all(row["label"] == row["before"] for row in rows)
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {f"{index:02d}.png" for index in range(20)}


def test_paper_names_never_collide(model, csv_data, tmp_path):
    attack_folder(model, csv_data.parent / "images", tmp_path / "out", DeepFool(), naming="paper")
    rows = table(tmp_path / "out")
    assert len({row["written"] for row in rows}) == len(rows) == len(list((tmp_path / "out").glob("*.png"))) == 20
    for row in rows:
        assert row["written"].startswith(f"Adv_{row['label']}-{row['after']}")


def test_a_second_process_on_one_folder_is_refused(model, csv_data, tmp_path):
    refused = []

    def intrude(done, total):
        with pytest.raises(RunInUseError, match=f"{tmp_path / 'out'}: in use by another process"):
            attack_folder(model, csv_data, tmp_path / "out", BIM(4), batch_size=8)
        refused.append(done)

    attack_folder(model, csv_data, tmp_path / "out", BIM(4), batch_size=8, progress=intrude)
    assert refused == [8, 16, 20]
    assert attack_folder(model, csv_data, tmp_path / "out", BIM(4), batch_size=8).present == 20


def test_what_is_not_adversarial_is_reported(model, csv_data, tmp_path):
    lost = attack_folder(model, csv_data, tmp_path / "lost", DeepFool(survive_rounding=False))
    weak = attack_folder(model, csv_data, tmp_path / "weak", BIM(1, steps=1))
    assert lost.notes[LOST] > 0
    assert weak.notes[NOT_FOUND] > 0
    assert sum(row["status"] == LOST for row in table(tmp_path / "lost")) == lost.notes[LOST]


def test_the_second_run_does_only_what_is_missing(model, csv_data, tmp_path):
    out = tmp_path / "out"
    attack_folder(model, csv_data, out, BIM(4))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.rglob("*.png")}
    table_before = table(out)
    (out / "images" / "03.png").unlink()
    summary = attack_folder(model, csv_data, out, BIM(4))
    assert (summary.converted, summary.present) == (1, 19)
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.rglob("*.png")}
    assert {path.name for path in after if after[path] != before[path]} == {"03.png"}
    assert after[out / "images" / "03.png"][0] == before[out / "images" / "03.png"][0]
    assert table(out) == table_before
    assert attack_folder(model, csv_data, out, BIM(4), force=True).converted == 20


@pytest.mark.parametrize("naming", ["stem", "paper"])
def test_a_run_killed_before_its_table_goes_on(naming, model, csv_data, tmp_path):
    out, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    for folder in (out, undisturbed):
        attack_folder(model, csv_data, folder, BIM(4), naming=naming)
    (out / "attack.csv").unlink()
    attack_folder(model, csv_data, out, BIM(4), naming=naming)
    names = {path.relative_to(out): path.read_bytes() for path in out.rglob("*.png")}
    assert names == {path.relative_to(undisturbed): path.read_bytes() for path in undisturbed.rglob("*.png")}
    assert table(out) == table(undisturbed)


def test_other_arguments_are_refused(model, csv_data, tmp_path):
    attack_folder(model, csv_data, tmp_path / "out", BIM(4))
    with pytest.raises(ValueError, match="holds results of other arguments .attack bim:4, now bim:2"):
        attack_folder(model, csv_data, tmp_path / "out", BIM(2))


def test_what_is_of_another_kind_is_named(model, csv_data, tmp_path):
    with pytest.raises(TypeError, match="`attack` must be an attack such as BIM"):
        attack_folder(model, csv_data, tmp_path / "out", "bim:4")
    with pytest.raises(ValueError, match="`batch_size` must be an integer of at least 1. Received: batch_size=2.5"):
        attack_folder(model, csv_data, tmp_path / "out", BIM(4), batch_size=2.5)
    assert not (tmp_path / "out").exists()


def test_a_corrected_range_is_another_argument(model, csv_data, tmp_path):
    inputs = keras.Input((24, 24, 3))
    unit = keras.Model(inputs, model(keras.layers.Rescaling(255)(inputs)))  # takes [0, 1]
    images, out = csv_data.parent / "images", tmp_path / "out"
    for _ in range(2):
        attack_folder(unit, images, out, FGSM(4), labels="none")
    with pytest.raises(ValueError, match="input_range 0,255, now 0,1"):
        attack_folder(unit, images, out, FGSM(4), labels="none", input_range=(0, 1))


def test_originals_and_strangers_files_stay(model, csv_data, tmp_path):
    originals = {path: path.read_bytes() for path in csv_data.parent.rglob("*.*")}
    for out in (csv_data.parent, csv_data.parent / "images", tmp_path):
        for source in (csv_data, csv_data.parent / "images"):
            with pytest.raises(ValueError, match="The output"):
                attack_folder(model, source, out, BIM(4), force=True)
    assert {path: path.read_bytes() for path in csv_data.parent.rglob("*.*")} == originals
    (tmp_path / "mine" / "images").mkdir(parents=True)
    (tmp_path / "mine" / "images" / "04.png").write_text("precious")
    summary = attack_folder(model, csv_data, tmp_path / "mine", BIM(4))
    assert (tmp_path / "mine" / "images" / "04.png").read_text() == "precious"
    assert (summary.converted, len(summary.failed)) == (19, 1)


def test_class_folders_stay_labels_with_results_among_them(model, dataset, tmp_path):
    images, labels = dataset
    for index in range(4):
        (tmp_path / str(labels[index])).mkdir(exist_ok=True)
        Image.fromarray(images[index]).save(tmp_path / str(labels[index]) / f"{index}.png")
    for _ in range(2):
        attack_folder(model, tmp_path, tmp_path / "adv", BIM(4))
        assert {row["file"]: int(row["label"]) for row in table(tmp_path / "adv")} == {
            f"{labels[index]}/{index}.png": labels[index] for index in range(4)
        }
    attack_folder(model, tmp_path, tmp_path / "own", BIM(4), labels="none")
    assert all(row["label"] == row["before"] for row in table(tmp_path / "own"))


def test_albums_named_by_numbers_are_no_classes(model, dataset, tmp_path):
    (tmp_path / "photos" / "2019").mkdir(parents=True)
    Image.fromarray(dataset[0][1]).save(tmp_path / "photos" / "2019" / "a.png")
    with pytest.raises(ValueError, match="Label 2019 .* take labels='none'"):
        attack_folder(model, tmp_path / "photos", tmp_path / "out", BIM(4))
    assert attack_folder(model, tmp_path / "photos", tmp_path / "out", BIM(4), labels="none").converted == 1


def test_a_file_listed_twice_is_two_images(model, csv_data, tmp_path):
    csv_data.write_text("file,label\nimages/01.png,1\n../some data/images/01.png,2\nimages/01.png,3\n")
    attack_folder(model, csv_data, tmp_path / "out", BIM(4))
    assert [row["label"] for row in table(tmp_path / "out")] == ["1", "2", "3"]
    assert len({row["written"] for row in table(tmp_path / "out")}) == 3
    assert attack_folder(model, csv_data, tmp_path / "out", BIM(4)).present == 3


def test_unreadable_images_are_failures(model, csv_data, tmp_path):
    (csv_data.parent / "images" / "05.png").write_bytes(b"no image")
    summary = attack_folder(model, csv_data, tmp_path / "out", BIM(4))
    assert summary.converted == 19
    assert [name for name, _ in summary.failed] == ["images/05.png"]
    assert "images/05.png" in summary.failed_csv.read_text()


def results(out):
    return {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_a_picture_that_vanishes_is_a_failure_until_it_is_back(model, csv_data, tmp_path):
    picture, content = csv_data.parent / "images" / "17.png", []

    def remove(done, total):
        if not content:
            content.append(picture.read_bytes())
            picture.unlink()

    summary = attack_folder(model, csv_data, tmp_path / "out", BIM(4), batch_size=8, progress=remove)
    assert summary.failed == [("images/17.png", "no such file")]
    picture.write_bytes(content[0])
    summary = attack_folder(model, csv_data, tmp_path / "out", BIM(4), batch_size=8)
    assert (summary.converted, summary.present, summary.failed) == (1, 19, [])
    attack_folder(model, csv_data, tmp_path / "undisturbed", BIM(4), batch_size=8)
    assert results(tmp_path / "out") == results(tmp_path / "undisturbed")


def test_not_a_number_ends_the_run_and_keeps_what_is_done(model, csv_data, dataset, tmp_path, nan_model):
    """The model's output is NaN for image 9, and sound when the run goes on."""
    out, poisoned = tmp_path / "out", nan_model(model, dataset[0][9])
    with pytest.raises(ValueError, match="The model's output is NaN or infinite for image 1 of a batch of 8"):
        attack_folder(poisoned, csv_data, out, BIM(4), batch_size=8)
    assert len(table(out)) == len(list(out.rglob("*.png"))) == 8
    poisoned.layers[1].heal()
    assert attack_folder(poisoned, csv_data, out, BIM(4), batch_size=8).present == 8
    attack_folder(poisoned, csv_data, tmp_path / "undisturbed", BIM(4), batch_size=8)
    assert results(out) == results(tmp_path / "undisturbed")


def test_a_full_disk_ends_the_run_and_keeps_what_is_done(model, csv_data, tmp_path, monkeypatch):
    out, left, whole = tmp_path / "out", 12, keeping.write_bytes

    def full(*arguments):
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(keeping, "write_bytes", full)
        with pytest.raises(OSError, match=f"{out}: No space left on device. What is finished is kept"):
            attack_folder(model, csv_data, out, BIM(4), batch_size=8)
    assert len(table(out)) == 8
    assert not [path for path in out.rglob("*") if is_temporary(path)]
    assert attack_folder(model, csv_data, out, BIM(4), batch_size=8).failed == []
    attack_folder(model, csv_data, tmp_path / "undisturbed", BIM(4), batch_size=8)
    assert results(out) == results(tmp_path / "undisturbed")


@pytest.mark.slow
@pytest.mark.parametrize("naming", ["stem", "paper"])
def test_rays_workers_make_the_same(naming, two_nodes, model, csv_data, tmp_path):
    (csv_data.parent / "images" / "05.png").write_bytes(b"no image")
    options = {"batch_size": 4, "naming": naming, "labels": "none"}
    here = attack_folder(model, csv_data.parent / "images", tmp_path / "here", BIM(4), **options)
    ray = RayOptions(two_nodes[0], workers=2)
    there = attack_folder(model, csv_data.parent / "images", tmp_path / "there", BIM(4), ray=ray, **options)
    assert results(tmp_path / "there") == results(tmp_path / "here")
    assert dataclasses.replace(there, failed_csv=None) == dataclasses.replace(here, failed_csv=None)
    assert (there.converted, len(there.failed)) == (19, 1)


def test_bad_arguments_are_named(model, csv_data, tmp_path):
    with pytest.raises(ValueError, match="Received: naming='wnid'"):
        attack_folder(model, csv_data, tmp_path / "out", BIM(4), naming="wnid")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        attack_folder(model, tmp_path / "nowhere", tmp_path / "out", BIM(4))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: holds no images"):
        attack_folder(model, tmp_path / "empty", tmp_path / "out", BIM(4))
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_through_a_planted_link(model, csv_data, tmp_path):
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    attack_folder(model, csv_data.parent, out, BIM(1), labels="none")
    (out / "attack.csv").unlink()
    shutil.rmtree(out / "images")
    (out / "images").symlink_to(outside, target_is_directory=True)
    summary = attack_folder(model, csv_data.parent, out, BIM(1), labels="none")
    assert not list(outside.iterdir())
    assert len(summary.failed) == 20
    assert "is a link, and nothing is written through it" in summary.failed[0][1]


def test_a_name_that_a_spreadsheet_would_carry_out_is_kept_and_quoted(model, csv_data, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(csv_data.parent / "images" / "03.png", folder / "=1+1.png")
    attack_folder(model, folder, tmp_path / "out", BIM(1))
    assert "'=1+1" in (tmp_path / "out" / "attack.csv").read_text()
    assert attack_folder(model, folder, tmp_path / "out", BIM(1)).present == 1
