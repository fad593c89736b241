"""Certificates of a run's folder: whole, damaged, edited by hand."""

import dataclasses
import json

import pytest

from tf_lowdef.report import write_report
from tf_lowdef.report.certified import certified_sentence
from tf_lowdef.results import Certificate, Results, Row
from tf_lowdef.results.certificate import CHOICE, ImageCertificate
from tf_lowdef.results.smoothing import ABSTAIN, certified_radius, largest_radius

NAMES = ("a", "=b", "dög", "d e")
VOTES = (500, 499, 300, 120)


def certificate(defence="nlm:30", sigma=0.12, votes=VOTES, labels=(3, 2, 3, 3), **changes):
    radii = certified_radius(votes, 500, sigma, 0.001)
    images = [
        ImageCertificate(name, label, 3 if radius else ABSTAIN, vote, float(radius))
        for name, label, vote, radius in zip(NAMES, labels, votes, radii, strict=True)
    ]
    return dataclasses.replace(Certificate.of(defence, sigma, 500, 100, 0.001, images), **changes)


ROW = Row(None, "none", "none", 4, 3, 0.75, (0.3, 0.95), per_image=(1.0, 1.0, 1.0, 0.0))


@pytest.fixture
def results():
    tried = certificate("none", 0.06, part=CHOICE)
    return Results({"seed": 0, "warnings": []}, [ROW], (), NAMES, (certificate(), tried))


@pytest.fixture
def folder(results, tmp_path):
    results.save(tmp_path)
    return tmp_path


def change(folder, **values):
    path = folder / "results.json"
    content = json.loads(path.read_text())
    content["certified"][0] |= values
    path.write_text(json.dumps(content))


def test_what_counts_is_the_true_class_and_the_radius():
    found = certificate()
    assert (found.n, found.abstained) == (4, 1)
    assert [(point.radius, point.certified) for point in found.points] == [(0, 2), (0.1, 1), (0.25, 1), (0.5, 0)]
    assert found.at(0.25).ci95 == pytest.approx((0.0456, 0.6994), abs=1e-3)
    assert found.at(0.3) is None
    assert found.largest == pytest.approx(0.2646, abs=1e-4)


def test_a_curve_falls_where_an_image_is_certified_no_further():
    found = certificate(labels=(3, 3, 3, 3))
    curve = found.curve()
    assert [point.certified for point in curve] == [3, 3, 2, 1, 0]
    radii = sorted(image.radius for image in found.per_image if image.radius)
    assert [point.radius for point in curve] == [0, *radii, radii[-1]]


def test_a_folder_is_read_as_it_was_written(folder, results):
    found = Results.load(folder)
    assert found.certified == results.certified
    assert "'=b" in (folder / "certified.csv").read_text()  # no spreadsheet carries it out


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"sigma": 15}, "sigma"),
        ({"sigma": "0.1"}, "sigma is no number"),
        ({"draws": 5}, "unanimous vote"),
        ({"alpha": 0.9}, "alpha"),
        ({"n": 0}, "impossible numbers"),
        ({"abstained": 5}, "impossible numbers"),
        ({"part": "some"}, "part"),
        ({"points": [{"radius": 0.1, "certified": 4, "share": 1.0, "ci95": [0.5, 1]}]}, "impossible numbers at radius"),
        ({"points": [{"radius": 0.1, "certified": 1, "share": 0.9, "ci95": [0.5, 1]}]}, "impossible numbers at radius"),
        ({"points": [{"radius": 0.1, "certified": 1, "share": 0.25, "ci95": [0.5, 1]}]}, "outside of its interval"),
        ({"defence": "a\nb"}, "cannot be shown"),
        ({"points": None}, "points is missing"),
    ],
)
def test_impossible_numbers_are_left_out_with_a_note(folder, values, text):
    change(folder, **values)
    with pytest.raises(ValueError, match=text):
        Results.load(folder)
    found = Results.load(folder, strict=False)
    assert len(found.certified) == 1
    assert any("entry 1 of certified is left out" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("a,3,0.26", "a,3,0.46", "does not follow from its 500 votes"),
        (",1,500,nlm:30", ",1,501,nlm:30", "more votes than 500 draws"),
        ("a,3,", "a,2,", "certified"),
        ("image,class", "image,klass", "has no column class"),
    ],
)
def test_a_table_that_was_edited_is_not_believed(folder, old, new, text):
    path = folder / "certified.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=text):
        Results.load(folder)
    found = Results.load(folder, strict=False)
    assert any(text in warning for warning in found.warnings)
    assert found.certified[0].per_image == ()
    assert found.certified[0].at(0.1).certified == 1  # what results.json says of it


@pytest.mark.parametrize("content", [None, "", "image\n", "\0\0", "image,class,radius,draws\na,b"])
def test_a_report_is_made_without_the_table_of_images(folder, content):
    path = folder / "certified.csv"
    path.unlink() if content is None else path.write_text(content)
    found = Results.load(folder, strict=False)
    assert any("certified.csv" in warning for warning in found.warnings)
    write_report(found, folder)
    assert "nlm:30" in (folder / "report.md").read_text()


def test_the_report_says_what_is_proved_and_of_what(folder, results):
    write_report(results, folder)
    text, page = (folder / "report.md").read_text(), (folder / "report.html").read_text()
    for each in (text, page):
        assert "25.0 (4.6 to 69.9)" in each
        assert "smoothed classifier" in each
        assert "of at most 0.001" in each
        assert "nothing is claimed of them" in each
    first = "Smoothed with noise of sigma 0.12 behind `nlm:30`, the classifier is proved right on 25 % of 4 images"
    assert first in text
    assert "nothing is said of any attack" not in text
    assert "![Certified accuracy over the L2 radius](certified.png)" in text
    assert (folder / "certified.png").stat().st_size > 5000
    assert 'id="certified"' in page
    assert "currentColor" in page


def test_where_the_draws_cannot_reach_the_usual_radius_the_largest_that_they_reach_is_told():
    image = ImageCertificate("a", 1, 1, 60, largest_radius(60, 0.12, 0.001))
    found = Certificate.of("none", 0.12, 60, 10, 0.001, [image])
    said = certified_sentence(Results({}, [], certified=[found]))
    assert "is proved right on 100 % of 1 images" in said
    assert said.endswith("within L2 0.1. So few draws prove nothing beyond 0.148.")
    far = dataclasses.replace(found, points=[each for each in found.points if each.radius in (0, 0.5)])
    said = certified_sentence(Results({}, [], certified=[far]))
    assert said == "So few draws prove nothing at L2 0.5, whatever the images are: they reach 0.148 at most."


def test_a_run_without_certificates_has_no_such_section(results, tmp_path):
    bare = dataclasses.replace(results, certified=())
    bare.save(tmp_path)
    write_report(bare, tmp_path)
    assert not (tmp_path / "certified.png").exists()
    assert "Certified" not in (tmp_path / "report.md").read_text()
    assert 'id="certified"' not in (tmp_path / "report.html").read_text()


def test_the_picture_shows_where_minimal_attacks_are(results):
    row = Row("oblivious", "deepfool", "none", 4, 0, 0.0, (0.0, 0.5), attacked=3, median_minimal_l2=0.23)
    figure = dataclasses.replace(results, rows=[ROW, row]).plot_certified()
    assert any("deepfool: median L2 0.23" in text.get_text() for text in figure.legends[0].get_texts())
