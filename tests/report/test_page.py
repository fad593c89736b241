import dataclasses
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tf_lowdef.files import write_png
from tf_lowdef.report import write_page, write_report
from tf_lowdef.report.page import MAX_BYTES
from tf_lowdef.report.page_pictures import amplify
from tf_lowdef.results import Comparison, Results, Row
from tf_lowdef.results.gallery import Example, Gallery, View

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Checks that elements close, and collects what the tests ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text, self.cells = [], [], "", ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if "td" in self.open:
            self.cells += f" {data}"

    def all(self, tag):
        return [each for each in self.elements if each[0] == tag]


def row(threat, attack, defence, top1, **more):
    setting = {} if attack == "none" else {"norm": "Linf", "epsilon": float(attack.split(":")[1])}
    interval = (max(0, top1 - 0.1), min(1, top1 + 0.1))
    return Row(threat, attack, defence, 10, 10 * top1, top1, interval, setting=setting, **more)


def make_results(model="tiny", unreliable=None):
    rows = [
        row(None, "none", "none", 0.9),
        row(None, "none", "webp:60+flip", 0.8),
        row("oblivious", "bim:2", "none", 0.2, attacked=9),
        row("oblivious", "bim:2", "webp:60+flip", 0.6, attacked=9),
        row("oblivious", "bim:4", "none", 0.0, attacked=9),
        row("oblivious", "bim:4", "webp:60+flip", 0.5, attacked=9),
        row("adaptive", "worst:4", "none", 0.0),
        row("adaptive", "worst:4", "webp:60+flip", 0.1, unreliable=unreliable),
    ]
    comparison = Comparison("oblivious", "bim:4", "none", "webp:60+flip", -0.5, (-0.8, -0.1), 0.03, 0.03, "McNemar")
    run = {"command": "tf-lowdef evaluate", "warnings": [], "seed": 0, "skipped": [], "model": {"name": model}}
    run |= {"versions": {"tf_lowdef": "0.1.0"}, "machine": {}, "data": {}, "arguments": {}}
    rows = [
        dataclasses.replace(each, per_image=(1.0,) * int(each.correct) + (0.0,) * (10 - int(each.correct)))
        for each in rows
    ]
    return Results(run, rows, (comparison,), tuple(f"{place}" for place in range(10)))


def make_run(folder, results=None, name="0", label="cat"):
    """Write a run's folder with a gallery of one example."""
    results = results or make_results()
    results.save(folder)
    rng = np.random.default_rng(0)
    clean = rng.integers(4, 250, (32, 32, 3), np.uint8)
    views = []
    for what, defence in (("clean", "none"), ("adversarial", "none"), ("defended", "webp:60+flip")):
        pixels = clean if what == "clean" else clean + rng.integers(-4, 5, clean.shape).astype(np.uint8)
        write_png(folder / f"gallery/{what}.png", pixels)
        write_png(folder / f"gallery/{what}-cam.png", pixels)
        views.append(
            View(what, "bim:4", defence, f"gallery/{what}.png", 1, label, 0.9, True, f"gallery/{what}-cam.png", 0.5)
        )
    Gallery([Example(name, 1, label, "rescued", views)], "The first.").save(folder)
    return folder


def read_page(folder):
    text = (folder / "report.html").read_text(encoding="utf-8")
    return text, Page(text)


def test_the_page_is_whole_and_asks_for_nothing(tmp_path):
    write_report(Results.load(make_run(tmp_path), strict=False), tmp_path)
    text, page = read_page(tmp_path)
    assert len(text) < MAX_BYTES
    assert not re.search(r"""(src|href|url\()\s*=?\s*["']?\s*(https?:|//)""", text)
    assert not page.all("script")
    pictures = page.all("img")
    assert len(pictures) == 7
    for _, attributes, parents in pictures:
        assert attributes["alt"]
        assert attributes["src"].startswith("data:image/")
        assert parents[-1] == "figure"
    assert len(page.all("figure")) == len(page.all("figcaption"))
    assert all(parents[-1] == "div" for _, _, parents in page.all("svg"))
    assert all(attributes.get("aria-label") for _, attributes, _ in page.elements if attributes.get("role") == "img")
    assert "amplified 31 times" in page.text
    assert "+50.0 (+10.0 to +80.0)" in page.text
    assert page.text.index("holds in part against an attacker who does not know of it") < page.text.index("At a glance")
    assert "tf-lowdef evaluate" in page.text
    assert "bim, oblivious" in text
    assert "worst (adaptive, epsilon 4)" in page.text
    assert (tmp_path / "report.md").exists()


def test_hostile_names_are_text(tmp_path):
    make_run(tmp_path, make_results(model=HOSTILE), name=HOSTILE, label=HOSTILE)
    results = Results.load(tmp_path, strict=False)
    results.run["warnings"].append(HOSTILE)
    results.run["command"] = HOSTILE
    rows = [*results.rows, row(None, "none", HOSTILE, 0.5), row("oblivious", "bim:4", HOSTILE, 0.5)]
    write_page(Results(results.run, rows, results.comparisons), tmp_path)
    text, page = read_page(tmp_path)
    assert not page.all("script")
    assert HOSTILE not in text
    assert HOSTILE in page.text


def test_unreliable_is_marked(tmp_path):
    results = make_results(unreliable="nothing but zero gradients on 9 of 9 images")
    write_page(results, tmp_path)
    text, page = read_page(tmp_path)
    assert "≤ 10.0" in page.text
    assert "nothing but zero gradients on 9 of 9 images" in page.text
    assert 'class="doubt"' in text
    write_page(make_results(), tmp_path)
    assert 'class="doubt"' not in read_page(tmp_path)[0]


def test_the_size_is_kept_by_leaving_examples_out(tmp_path, monkeypatch):
    make_run(tmp_path)
    write_page(Results.load(tmp_path, strict=False), tmp_path)
    whole = (tmp_path / "report.html").stat().st_size
    monkeypatch.setattr("tf_lowdef.report.page.MAX_BYTES", whole - 1)
    write_page(Results.load(tmp_path, strict=False), tmp_path)
    assert (tmp_path / "report.html").stat().st_size < whole
    assert "Some examples are left out" in read_page(tmp_path)[1].text


def test_the_markdown_holds_the_same_tables(tmp_path):
    setting = {"norm": "Linf", "epsilon": 4.0, "another_takes": 0.004}
    results = make_results(unreliable="masked gradients")
    cascade = Row("adaptive", "pgd:4", "none", 3, 1, 1 / 3, (0, 1), setting=setting, conditional=True, attacked=3)
    results = dataclasses.replace(results, rows=[*results.rows, cascade])
    make_run(tmp_path, results)
    write_report(Results.load(tmp_path, strict=False), tmp_path)
    _, page = read_page(tmp_path)
    lines = (tmp_path / "report.md").read_text().splitlines()
    assert len(page.all("table")) == sum(line.startswith("| :---") for line in lines) == 7
    numbers = set(re.findall(r"\d+\.\d", "".join(line for line in lines if line.startswith("| "))))
    # the cells of the page's tables, as text; the markdown has the same numbers and more digits of intervals
    assert set(re.findall(r"\d+\.\d", page.cells)) <= numbers
    for said in ("attacker does not know", "1 of 3", "adaptive worst:4 webp:60+flip: masked gradients"):
        assert said in page.text
        assert said in "\n".join(lines)


def test_pictures_that_are_re_encoded_are_said_to_be(tmp_path):
    make_run(tmp_path)
    write_page(Results.load(tmp_path, strict=False), tmp_path)
    assert "re-encoded" not in read_page(tmp_path)[1].text
    write_png(tmp_path / "gallery/clean.png", np.zeros((160, 160, 3), np.uint8))
    write_page(Results.load(tmp_path, strict=False), tmp_path)
    text, page = read_page(tmp_path)
    assert "data:image/webp" in text
    assert "re-encoded for this page, as WebP of quality 88" in page.text


def test_amplify():
    clean = np.full((2, 2, 3), 100, np.uint8)
    changed = clean.copy()
    changed[0, 0, 0], changed[1, 1, 1] = 104, 96
    shown, factor = amplify(clean, changed)
    assert factor == 31
    assert (shown[0, 0, 0], shown[1, 1, 1], shown[0, 1, 0]) == (252, 4, 128)


def edit(folder, change, name="results.json"):
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["rows"][0].update(top1="ninety"), "entry 1 of rows is left out: top1 is no number"),
        (lambda c: c["rows"][0].pop("attack"), "attack is missing"),
        (lambda c: c["rows"][0].update(top1=0.7), "top1 is 0.7, but correct / n is 0.9"),
        (lambda c: c["rows"][0].update(ci95=None), "ci95 is missing"),
        (lambda c: c["rows"][2]["setting"].update(epsilon="four"), "epsilon is no number"),
        (lambda c: c["rows"][0].update(aura=3), "not known here and not shown: aura"),
        (lambda c: c["rows"].append(c["rows"][0]), "stands there twice"),
        (lambda c: c["rows"].append(7), "it is no object but int"),
        (lambda c: c.pop("comparisons"), "there are no comparisons"),
        (lambda c: c.pop("run"), "what was run is not recorded"),
        (lambda c: c["run"]["versions"].update(tf_lowdef="9.9"), "made by tf_lowdef 9.9"),
        (lambda c: c["rows"][0].update(correct=8.0, top1=0.8), "disagree on clean none"),
        (lambda c: c.update(rows=c["rows"][:1]), "comparisons are of rows that are not there"),
    ],
)
def test_an_edited_run_says_what_is_wrong_and_shows_the_rest(tmp_path, change, said):
    edit(make_run(tmp_path), change)
    write_report(Results.load(tmp_path, strict=False), tmp_path)
    _, page = read_page(tmp_path)
    assert said in page.text
    assert said in (tmp_path / "report.md").read_text()
    assert len(page.all("img")) == 7


def test_missing_files_are_named(tmp_path):
    make_run(tmp_path)
    (tmp_path / "correct.csv").unlink()
    (tmp_path / "gallery/adversarial.png").write_bytes(b"damaged")
    (tmp_path / "gallery/defended.png").unlink()
    edit(tmp_path, lambda c: c["examples"][0]["views"][0].update(image="../outside.png"), "gallery/gallery.json")
    write_png(tmp_path.parent / "outside.png", np.zeros((8, 8, 3), np.uint8))
    write_page(Results.load(tmp_path, strict=False), tmp_path)
    _, page = read_page(tmp_path)
    for said in (
        "correct.csv is missing",
        "outside the run's folder",
        "gallery/defended.png: no such file",
        "not an image",
    ):
        assert said in page.text


@pytest.mark.parametrize(("content", "said"), [(None, "kept no gallery"), ("[]", "is damaged"), ("{", "is damaged")])
def test_no_gallery(tmp_path, content, said):
    make_run(tmp_path)
    path = tmp_path / "gallery/gallery.json"
    path.unlink() if content is None else path.write_text(content)
    write_page(Results.load(tmp_path, strict=False), tmp_path)
    assert said in read_page(tmp_path)[1].text


def test_one_defence_only_and_clean_images_only(tmp_path):
    results = make_results()
    bare = [each for each in results.rows if each.defence == "none"]
    write_page(Results(results.run, bare), tmp_path)
    assert "Only one defence was tried" in read_page(tmp_path)[1].text
    write_page(Results(results.run, bare[:1]), tmp_path)
    assert "Nothing was attacked" in read_page(tmp_path)[1].text


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (None, FileNotFoundError, "finished run"),
        ("{", ValueError, "no JSON"),
        ("[]", ValueError, "expected an object"),
        ("{}", ValueError, "no row that can be used"),
        ('{"rows": [{}]}', ValueError, "no row that can be used"),
    ],
)
def test_an_unusable_run(tmp_path, content, error, said):
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    with pytest.raises(error, match=said):
        Results.load(tmp_path, strict=False)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        Results.load(tmp_path / "nowhere", strict=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser(browser, tmp_path, width, scheme):
    write_page(Results.load(make_run(tmp_path), strict=False), tmp_path)
    browser.open(tmp_path / "report.html", width, scheme)
    assert browser.requests() == [(tmp_path / "report.html").resolve().as_uri()]
    assert browser.messages() == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    level = np.mean([int(each) for each in re.findall(r"\d+", paper)[:3]])
    assert level > 200 if scheme == "light" else level < 60
    assert browser.screenshot(tmp_path / "page.png").stat().st_size > 20_000


def test_the_browser_counts_requests(browser, tmp_path):
    (tmp_path / "leaky.html").write_text('<img src="http://127.0.0.1:9/a.png">')
    browser.open(tmp_path / "leaky.html", 390, "light")
    assert "http://127.0.0.1:9/a.png" in browser.requests()
