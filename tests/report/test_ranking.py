"""The order of defences, on results made up here."""

import pytest

from tf_lowdef.report.markdown import to_markdown
from tf_lowdef.report.ranking import matched_ranking, setting_ranking
from tf_lowdef.results import Results, Row

OURS = "webp:60+flip"


def row(threat, attack, defence, top1, unreliable=None):
    setting = {"epsilon": 4, "budget": "standard"} if attack != "none" else {}
    return Row(threat, attack, defence, 100, 100 * top1, top1, (0, 1), setting=setting, unreliable=unreliable)


@pytest.fixture
def results():
    """Make results of defences, each with its clean, oblivious and adaptive accuracy; None was not tried."""

    def make(unreliable=(), **accuracies):
        rows = []
        for defence, (clean, oblivious, adaptive) in accuracies.items():
            why = "zero gradients" if defence in unreliable else None
            rows.append(row(None, "none", defence, clean))
            rows.append(row("oblivious", "bim:4", defence, oblivious))
            if adaptive is not None:
                rows.append(row("adaptive", "worst:4", defence, adaptive, why))
        return Results({}, rows)

    return make


def test_the_worst_case_decides_and_equals_share_a_place(results):
    found = results(none=(0.83, 0.0, 0.0), flip=(0.79, 0.07, 0.0), **{OURS: (0.8, 0.46, 0.02), "bits:3": (0.8, 0, 0)})
    assert setting_ranking(found).rows == [
        [OURS, "1", "80", "46", "2"],
        ["flip", "2", "79", "7", "0"],
        ["none", "3", "83", "0", "0"],
        ["bits:3", "3", "80", "0", "0"],
    ]


def test_what_is_unreliable_is_not_ranked(results):
    found = results(
        none=(0.83, 0.0, 0.0), unreliable=["bits:1"], **{OURS: (0.8, 0.46, 0.02), "bits:1": (0.7, 0.1, 0.7)}
    )
    assert [line[:2] for line in setting_ranking(found).rows] == [[OURS, "1"], ["none", "2"], ["bits:1", "-"]]
    assert setting_ranking(found).rows[-1][-1] == "-"


def test_settings_are_interpolated_to_the_same_clean_accuracy(results):
    rivals = {
        "jpeg:80": (0.82, 0.1, 0.0),
        "jpeg:40": (0.74, 0.3, 0.04),
        "bits:3": (0.6, 0.5, 0.1),
        "tv:1": (0.81, 0.2, 0),
    }
    text, table = matched_ranking(results(**{OURS: (0.8, 0.46, 0.02)}, **rivals))
    assert "at the clean accuracy of `webp:60+flip`, 80.0 %" in text
    assert table.rows == [
        ["webp:*+flip", "1", "80", "46", "2", OURS],
        ["jpeg:*", "2", "80", "15", "1", "between jpeg:40 and jpeg:80"],
        ["tv:*", "3", "81", "20", "0", "tv:1"],
        ["bits:*", "-", "60", "-", "-", "none near: bits:3"],
    ]


def test_our_own_family_is_taken_at_our_setting(results):
    found = results(none=(0.9, 0, None), **{OURS: (0.8, 0.46, None), "webp:59+flip": (0.8, 0.9, None)})
    assert ["webp:*+flip", "1", "80", "46", "-", OURS] in matched_ranking(found)[1].rows


def test_two_defences_are_no_ranking(results):
    found = results(none=(0.83, 0.0, None), **{OURS: (0.8, 0.46, None)})
    assert not setting_ranking(found).rows
    assert not matched_ranking(found)[1].rows
    assert "## Ranking" not in to_markdown(found)


def test_the_report_has_both(results):
    text = to_markdown(results(none=(0.83, 0.0, 0.0), flip=(0.79, 0.07, 0.0), **{OURS: (0.8, 0.46, 0.02)}))
    assert text.index("## Every attack") < text.index("## Ranking") < text.index("## Threat")
    assert "| webp:*+flip | 1 | 80 | 46 | 2 | webp:60+flip |" in text
