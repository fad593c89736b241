"""``certify``: rows, files, resuming, the choice on one half, and what it refuses."""

import csv
import json

import keras
import numpy as np
import pytest

from tf_lowdef import Results, certify, evaluate
from tf_lowdef.certification import ABSTAIN, certifier
from tf_lowdef.certification.choice import choose
from tf_lowdef.jobs import RunMismatchError
from tf_lowdef.jobs.ray import RayOptions
from tf_lowdef.results.certificate import ALL, CHOICE, REPORT, Certificate, ImageCertificate
from tf_lowdef.results.smoothing import certified_radius

SMALL = {"n": 20, "n0": 6, "batch_size": 20, "seed": 3, "limit": 4}


@pytest.fixture(scope="module")
def folder(model, dataset, tmp_path_factory):
    """The folder of a run that is whole."""
    out = tmp_path_factory.mktemp("runs") / "first"
    certify(model, dataset, ["none", "gaussian:1"], [0.05, 0.3], out=out, radii=[0.02, 0.1], **SMALL)
    return out


@pytest.fixture(scope="module")
def found(folder):
    return Results.load(folder)


def test_every_defence_is_certified_with_every_sigma(found):
    names = [(each.defence, each.sigma) for each in found.certified]
    assert names == [("none", 0.05), ("none", 0.3), ("gaussian:1", 0.05), ("gaussian:1", 0.3)]
    assert {(each.n, each.draws, each.first_draws, each.alpha, each.part) for each in found.certified} == {
        (4, 20, 6, 0.001, ALL)
    }


def test_certificates_follow_from_their_votes(found):
    for each in found.certified:
        assert each.disagreements() == []
        for image in each.per_image:
            assert image.radius == pytest.approx(float(certified_radius(image.votes, 20, each.sigma, 0.001)))
            assert (image.class_ == ABSTAIN) == (image.radius == 0)
        assert [point.radius for point in each.points] == [0, 0.02, 0.1]
        assert each.abstained == sum(image.class_ == ABSTAIN for image in each.per_image)
        certified = sum(image.class_ == image.label and image.radius >= 0.02 for image in each.per_image)
        point = each.at(0.02)
        assert (point.certified, point.share) == (certified, certified / 4)
        assert point.ci95[0] <= point.share <= point.ci95[1]


def test_little_noise_certifies_and_more_noise_costs_accuracy(found):
    shares = [each.at(0).share for each in found.certified]
    assert shares[0] >= 0.75
    assert shares[2] >= shares[3]


def test_clean_rows_stand_beside(found):
    assert [(row.kind, row.defence) for row in found.rows] == [("clean", "none"), ("clean", "gaussian:1")]


def test_the_table_of_images(folder, found):
    with (folder / "certified.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 4 * 4
    assert list(lines[0])[:4] == ["image", "class", "radius", "draws"]
    first = found.certified[0].per_image[0]
    assert float(lines[0]["radius"]) == first.radius
    assert lines[0]["image"] == first.image
    assert lines[0]["draws"] == "20"


def test_the_same_command_again_does_nothing_anew(model, dataset, folder, found, monkeypatch):
    monkeypatch.setattr(certifier, "count_votes", None)
    again = certify(model, dataset, ["none", "gaussian:1"], [0.05, 0.3], out=folder, radii=[0.02, 0.1], **SMALL)
    assert [each.per_image for each in again.certified] == [each.per_image for each in found.certified]


def test_a_run_that_was_stopped_goes_on_where_it_was(model, dataset, tmp_path, monkeypatch):
    count, calls = certifier.count_votes, []

    def stop(*arguments, **options):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return count(*arguments, **options)

    monkeypatch.setattr(certifier, "count_votes", stop)
    with pytest.raises(KeyboardInterrupt):
        certify(model, dataset, "none", 0.05, out=tmp_path / "run", **SMALL)
    done = list((tmp_path / "run" / "done").rglob("batch-*.npz"))
    whole = certify(model, dataset, "none", 0.05, out=tmp_path / "run", **SMALL)
    assert len(done) > 2
    assert len(calls) == 6 + 2 * (4 - 2)  # two images were whole
    alone = certify(model, dataset, "none", 0.05, **SMALL)
    assert whole.certified[0].per_image == alone.certified[0].per_image


@pytest.mark.parametrize(
    "change", [{"n": 21}, {"n0": 7}, {"alpha": 0.01}, {"seed": 4}, {"sigma": 0.06}, {"defence": "flip"}]
)
def test_another_run_does_not_go_on_in_its_folder(model, dataset, folder, change):
    arguments = {"defence": ["none", "gaussian:1"], "sigma": [0.05, 0.3], "radii": [0.02, 0.1], **SMALL, **change}
    with pytest.raises(RunMismatchError, match=r"holds another run \("):
        certify(model, dataset, out=folder, **arguments)


def test_another_input_range_is_another_run(model, dataset, folder):
    arguments = {"defence": ["none", "gaussian:1"], "sigma": [0.05, 0.3], "radii": [0.02, 0.1], **SMALL}
    with pytest.raises(RunMismatchError, match=r'model\.input_range: "0,255", now "0,1"'):
        certify(model, dataset, out=folder, input_range=(0, 1), **arguments)


def test_an_evaluation_does_not_go_on_in_its_folder(model, dataset, folder):
    with pytest.raises(RunMismatchError, match="tool"):
        evaluate(model, dataset, [], ["none"], out=folder)


def test_another_seed_draws_other_noise(model, dataset, found):
    other = certify(model, dataset, "none", 0.3, **{**SMALL, "seed": 4, "limit": None})
    again = certify(model, dataset, "none", 0.3, **{**SMALL, "limit": None})
    assert [each.votes for each in other.certified[0].per_image] != [
        each.votes for each in again.certified[0].per_image
    ]


def test_votes_do_not_depend_on_the_other_images(model, dataset):
    images, labels = dataset
    some = certify(model, (images[:3], labels[:3]), "none", 0.3, **{**SMALL, "limit": None}).certified[0]
    other = certify(model, (images[1:4][::-1], labels[1:4][::-1]), "none", 0.3, **{**SMALL, "limit": None}).certified[0]
    assert [each.votes for each in some.per_image[1:]] == [each.votes for each in other.per_image[:0:-1]]


def test_a_choice_is_made_on_one_half_and_told_of_the_other(model, dataset, tmp_path):
    arguments = {**SMALL, "limit": 10, "radii": [0.02]}
    found = certify(model, dataset, "none", [0.03, 0.9], choice_n=12, out=tmp_path / "run", **arguments)
    told, tried = ([each for each in found.certified if each.part == part] for part in (REPORT, CHOICE))
    assert [(each.sigma, each.draws, each.n) for each in tried] == [(0.03, 12, 5), (0.9, 12, 5)]
    assert [(each.sigma, each.draws, each.n) for each in told] == [(0.03, 20, 5)]
    halves = [{image.image for image in each.per_image} for each in (told[0], tried[0])]
    assert not halves[0] & halves[1]
    assert found.run["chosen"] == {"0.02": "none, sigma 0.03"}
    assert [each.part for each in Results.load(tmp_path / "run").certified] == [REPORT, CHOICE, CHOICE]


def made(sigma, votes, label=0, draws=50):
    radii = certified_radius(votes, draws, sigma, 0.001)
    images = [
        ImageCertificate(str(number), label, 0 if radius else ABSTAIN, vote, float(radius))
        for number, (vote, radius) in enumerate(zip(votes, radii, strict=True))
    ]
    return Certificate.of("none", sigma, draws, 5, 0.001, images)


def test_each_radius_has_a_choice_of_its_own():
    narrow, wide = made(0.06, [50, 50, 50, 50]), made(0.2, [50, 45, 20, 20])
    best = choose([narrow, wide], [0.1, 0.25], 1000)
    assert (best[0.1].sigma, best[0.25].sigma) == (0.06, 0.2)


def test_few_draws_do_not_make_a_choice_for_a_large_sigma():
    # fifty draws at 0.06 certify nothing beyond 0.08, a thousand do: what counts is what a thousand would
    narrow, wide = made(0.06, [50] * 4), made(0.12, [50, 50, 20, 20])
    assert narrow.at(0.1).certified == 0
    assert choose([narrow, wide], [0.1], 1000)[0.1] is narrow


def test_the_rows_of_an_evaluation_stand_beside_it(model, dataset, tmp_path):
    attacked = evaluate(model, dataset, ["bim:4", "deepfool"], ["none"], out=tmp_path / "attacked", limit=4, seed=3)
    found = certify(model, dataset, "none", 0.05, evaluation=tmp_path / "attacked", **SMALL)
    assert {row.attack for row in found.rows} == {"none", "bim:4", "deepfool"}
    assert found.row("bim:4", "none") == attacked.row("bim:4", "none")
    assert certify(model, dataset, "none", 0.05, evaluation=attacked, **SMALL).rows == found.rows


def test_the_rows_of_another_evaluation_do_not(model, dataset):
    other = evaluate(model, dataset, [], ["none"], limit=3, seed=3)
    with pytest.raises(ValueError, match="`evaluation` must be of the same"):
        certify(model, dataset, "none", 0.05, evaluation=other, **SMALL)
    twin = keras.models.clone_model(model)
    of_twin = evaluate(twin, dataset, [], ["none"], limit=4, seed=3)
    with pytest.raises(ValueError, match="model's weights differ"):
        certify(model, dataset, "none", 0.05, evaluation=of_twin, **SMALL)


def test_a_radius_out_of_reach_is_told(model, dataset):
    found = certify(model, dataset, "none", 0.05, radii=[0.05, 0.5], **SMALL)
    assert any("certify no image beyond" in warning and "0.5" in warning for warning in found.warnings)


@pytest.mark.slow
def test_ray_gives_the_same(model, dataset, tmp_path):
    pytest.importorskip("ray")
    arguments = {"defence": ["none", "webp:60"], "sigma": 0.1, **SMALL}
    here = certify(model, dataset, out=tmp_path / "here", **arguments)
    there = certify(model, dataset, out=tmp_path / "there", ray=RayOptions(workers=1), **arguments)
    assert [each.per_image for each in here.certified] == [each.per_image for each in there.certified]
    assert (tmp_path / "here" / "certified.csv").read_bytes() == (tmp_path / "there" / "certified.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"sigma": 15}, r"`sigma` must be .*15 grey levels of 255 are 0.0588"),
        ({"sigma": []}, "`sigma` must be one number or several"),
        ({"sigma": [0.1, 0.1]}, "`sigma` must be one number or several different"),
        ({"sigma": [0.12, 0.12 + 1e-9]}, "`sigma` must be one number or several different"),
        ({"sigma": "0.1"}, "`sigma` must be"),
        ({"n": 0}, "`n` must be"),
        ({"n": 5}, "unanimous vote of fewer than 10"),
        ({"n0": 0}, "`n0` must be"),
        ({"alpha": 0}, "`alpha` must be"),
        ({"radii": [-1]}, "`radii` must be"),
        ({"radii": [64]}, "`radii` must be .*0.251"),
        ({"defence": "nln:3"}, "Did you mean 'nlm'"),
        ({"defence": []}, "at least one defence"),
        ({"choice_n": 100}, "To choose needs two settings"),
        ({"choice_n": 5, "sigma": [0.1, 0.2]}, "`choice_n` must be"),
        ({"choice_n": 50, "sigma": [0.1, 0.2], "limit": 1}, "two images or more"),
        ({"limit": 0}, "limit"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(model, dataset, tmp_path, arguments, text):
    whole = {"defence": "none", "sigma": 0.1, "n": 20, "n0": 5, "out": tmp_path / "run", **arguments}
    with pytest.raises(ValueError, match=text):
        certify(model, dataset, **whole)
    assert not (tmp_path / "run").exists()


def test_a_model_that_is_not_finite_under_noise_names_the_image(nan_under_noise, dataset):
    with pytest.raises(ValueError, match="NaN or infinite"):
        certify(nan_under_noise, dataset, "none", 0.3, **SMALL)


def test_results_without_certificates_are_as_they_were(model, dataset, tmp_path):
    evaluate(model, dataset, [], ["none"], limit=3, out=tmp_path / "run")
    assert not (tmp_path / "run" / "certified.csv").exists()
    assert "certified" not in json.loads((tmp_path / "run" / "results.json").read_text())
    assert Results.load(tmp_path / "run").certified == ()


def test_progress_ends_where_it_said(model, dataset):
    seen = []
    certify(model, dataset, ["none", "flip"], 0.1, progress=lambda *step: seen.append(step), **SMALL)
    certifying = [step[1:] for step in seen if step[0] == "Certifying"]
    assert certifying == [(number, 8) for number in range(1, 9)]
    assert np.diff([done for done, _ in certifying]).tolist() == [1] * 7
