"""The grammar of attacks."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tf_lowdef import attacks
from tf_lowdef.attacks import (
    APGDCE,
    APGDDLR,
    APGDT,
    BIM,
    CW,
    FAB,
    FGSM,
    MIM,
    MPGD,
    PGD,
    DeepFool,
    HopSkipJump,
    Square,
    parse_attack,
)
from tf_lowdef.attacks.spec import ATTACKS

GOOD = {
    "fgsm:4": FGSM(4),
    "fgsm": FGSM(),
    "fgsm:2.5": FGSM(2.5),
    "bim:4,steps=20": BIM(4, steps=20),
    "bim,steps=20": BIM(steps=20),
    "bim:epsilon=8,step_size=none": BIM(8),
    " BIM : 8, step_size = 0.5 ": BIM(8, step_size=0.5),
    "pgd:8": PGD(8),
    "mim:8,decay=0.5": MIM(8, decay=0.5),
    "pgd:4,steps=100,restarts=5,keep=best": PGD(4, steps=100, restarts=5, keep="best"),
    "bim:4,targeted=true": BIM(4, targeted=True),
    "mpgd:4,steps=40,restarts=2,classes=9": MPGD(4, steps=40, restarts=2, classes=9),
    "pgd:l2:0.5,steps=20": PGD(0.5, steps=20, norm="l2"),
    "pgd:linf:4": PGD(4),
    "pgd:0.5,norm=L2": PGD(0.5, norm="l2"),
    "square:l2:3": Square(3, norm="L2"),
    "mpgd:l2:0.5,classes=3": MPGD(0.5, classes=3, norm="l2"),
    "apgd-t:l2:0.5,classes=3": APGDT(0.5, classes=3, norm="l2"),
    "apgd-dlr:l2:epsilon=1,draws=20": APGDDLR(1, norm="l2", draws=20),
    "fab": FAB(),
    "fab:l2": FAB(norm="l2"),
    "fab:l2,steps=20,restarts=2": FAB(20, 2, norm="l2"),
    "hopskipjump:l2,queries=100": HopSkipJump(100, norm="l2"),
    "apgd-ce:4": APGDCE(4),
    "apgd-ce:8,keep=last,targeted=true": APGDCE(8, targeted=True, keep="last"),
    "apgd-dlr:4,steps=50,restarts=2,rho=0.5": APGDDLR(4, 50, 2, 0.5),
    "apgd-t:4,classes=3": APGDT(4, classes=3),
    "square:4,queries=100,p_init=0.3": Square(4, 100, 0.3),
    "cw": CW(),
    "cw:steps=20,confidence=1,survive_rounding=false,targeted=true": CW(
        20, confidence=1.0, survive_rounding=False, targeted=True
    ),
    "deepfool": DeepFool(),
    "deepfool:survive_rounding=false": DeepFool(survive_rounding=False),
    "deepfool:overshoot=0.05,steps=30,candidates=5": DeepFool(0.05, 30, 5),
}
BAD = {
    "": "There are: fgsm, bim, pgd, mim, mpgd, deepfool, ",
    "bimm:4": "Did you mean 'bim'",
    "bim:4,step=3": "Did you mean 'steps'",
    "bim:4,colour=3": "There are: epsilon, step_size, steps",
    "bim:x": "must be float, not 'x'",
    "bim:nan": "must be float, not 'nan'",
    "bim:4,steps=1.5": "must be int, not '1.5'",
    "bim:4,step_size=big": "must be float or none",
    "bim:4,": "key=value",
    "bim:4,8": "key=value",
    "bim:": "key=value|must be float",
    "bim:l2:0.5": "must be float, not 'l2:0.5'",
    "pgd:l2": r"`epsilon` has to be said in L2, of images with pixels in \[0, 1\], such as pgd:l2:0.5 in 'pgd:l2'",
    "pgd:l2:": "key=value|must be float",
    "pgd:l2:128": "if that is in grey levels of 255, write 0.50",
    "pgd:l2:0.5,norm=l2": "twice",
    "pgd:0.5,norm=l1": "one of linf, l2. Received: norm='l1'",
    "fab:4": "takes key=value with steps",
    "bim:4,steps=3,steps=4": "twice",
    "bim:4,epsilon=4": "twice",
    "fgsm:-1": "epsilon=-1.0 in 'fgsm:-1'",
    "bim:4,keep=worst": "keep='worst' in",
    "bim:4,targeted=4": "must be bool, not '4'",
    "deepfool:targeted=true": "has no 'targeted'",
    "apgd-t:4,targeted=true": "has no 'targeted'",
    "deepfool:4": "takes key=value with overshoot, steps, candidates, survive_rounding; not '4'",
    "deepfool:survive_rounding=maybe": "must be bool, not 'maybe'",
}


@pytest.mark.parametrize(("spec", "attack"), GOOD.items(), ids=str)
def test_parse(spec, attack):
    assert parse_attack(spec) == attack
    assert parse_attack(attack.spec) == attack
    assert parse_attack(attack.spec).spec == attack.spec


def test_spec_is_short():
    assert BIM(4.0).spec == "bim:4"
    assert PGD(0.5, norm="l2").spec == "pgd:l2:0.5"
    assert FAB(norm="l2", steps=5).spec == "fab:l2,steps=5"
    assert BIM(2.5, steps=20).spec == "bim:2.5,steps=20"
    assert DeepFool().spec == "deepfool"
    assert DeepFool(survive_rounding=False).spec == "deepfool:survive_rounding=false"


@pytest.mark.parametrize(("spec", "message"), BAD.items())
def test_bad(spec, message):
    with pytest.raises(ValueError, match=message):
        parse_attack(spec)


def test_not_a_string():
    with pytest.raises(TypeError, match="4"):
        parse_attack(4)


def test_the_page_names_the_attacks_that_cannot_aim():
    page = (Path(attacks.__file__).parent / "README.md").read_text(encoding="utf-8")
    (named,) = re.findall(r"`targeted=true`.*?\(all but (.*?)\)", page, flags=re.DOTALL)
    assert set(re.findall(r"`(.*?)`", named)) == {
        name for name, kind in ATTACKS.items() if not hasattr(kind, "targeted")
    }


@pytest.mark.parametrize("spec", ["fgsm:0.9", "bim:0.7", "mpgd:0.7,steps=2", "square:0.7,queries=5"])
def test_less_than_one_level_changes_no_pixel(spec, model, dataset):
    images, labels = dataset
    assert (parse_attack(spec)(model, images[:2], labels[:2]).images == images[:2]).all()


@pytest.mark.parametrize("epsilon", [float(np.float32(6 / 255)) * 255, 5.9999998, 6, 6.00001])
def test_an_epsilon_reckoned_from_a_whole_level_is_that_level(epsilon):
    attack = BIM(epsilon)
    assert (attack.spec, attack.bound) == ("bim:6", ("Linf", 6))
    assert parse_attack("bim:5.99").epsilon == 5.99


def test_a_bound_is_read_back_as_it_was():
    for attack in (PGD(epsilon=128 / 255, norm="l2"), PGD(epsilon=2.5), PGD(epsilon=1 / 3 + 4)):
        assert parse_attack(f"pgd:{attack.bound}").bound == attack.bound
