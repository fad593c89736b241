"""The text of attacks and defences, read once."""

import pickle

import pytest

from tf_lowdef.bounds import L2, LINF, Bound
from tf_lowdef.results import AttackName, DefenceName
from tf_lowdef.results.names import now_called


@pytest.mark.parametrize(
    ("text", "family", "epsilon", "kind"),
    [
        ("bim:4", "bim", 4, "attack"),
        ("bim:4,steps=20", "bim,steps=20", 4, "attack"),
        ("bim:0.9", "bim", 0.9, "attack"),
        ("fgsm:1e-05", "fgsm", 1e-5, "attack"),
        ("deepfool", "deepfool", None, "attack"),
        ("deepfool:survive_rounding=false", "deepfool:survive_rounding=false", None, "attack"),
        ("none", "none", None, "clean"),
        ("worst:4", "worst", 4, "worst"),
        ("worst:l2:0.5", "worst:l2", 0.5, "worst"),
        ("worstcase:4", "worstcase", 4, "attack"),
        ("anything: at all", "anything: at all", None, "attack"),
    ],
)
def test_attacks(text, family, epsilon, kind):
    name = AttackName(text)
    assert (name.family, name.epsilon, name.kind) == (family, epsilon, kind)
    assert name == text
    assert {text: 1}[name] == 1
    assert pickle.loads(pickle.dumps(name)).family == family


def test_the_worst_case_is_spelled_once():
    bounds = (Bound(LINF, 4.0), Bound(L2, 0.5))
    assert tuple(map(AttackName.worst, bounds)) == ("worst:4", "worst:l2:0.5")


@pytest.mark.parametrize(
    ("text", "layers", "family"),
    [
        ("none", [], "none"),
        ("flip", ["flip"], "flip"),
        ("flip:vertical", ["flip"], "flip:vertical"),
        ("webp:60+flip", ["webp", "flip"], "webp:*+flip"),
        ("webp:40-80+flip", ["webp", "flip"], "webp:*+flip"),
        ("webp:60,method=0+median:3", ["webp", "median"], "webp:*,method=0+median:*"),
        ("shift:-2,rows=1", ["shift"], "shift:*,rows=1"),
        ("mine", ["mine"], "mine"),
    ],
)
def test_defences(text, layers, family):
    assert (DefenceName(text).layers, DefenceName(text).family) == (layers, family)


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("oblivious none webp:60+flip", "clean webp:60+flip"),
        ("adaptive none none", "clean none"),
        ("clean none", "clean none"),
        ("clean none of these", "clean none of these"),
        ("oblivious bim:4 none", "oblivious bim:4 none"),
    ],
)
def test_rows_of_earlier_versions(name, now):
    assert now_called(name) == now
