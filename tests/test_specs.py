"""What the grammar of attacks and that of defences share; their own tests hold the rest."""

import pytest

from tf_lowdef.specs import Form, Range, format_value, parse_spec

FORMS = {
    "flip": Form({"mode": (str,)}, "mode"),
    "bim": Form({"epsilon": (float,), "steps": (int,), "step": (float, type(None)), "fast": (bool,)}, "epsilon"),
    "webp": Form({"quality": (int, float, Range), "seed": (int,)}, "quality"),
    "plain": Form({"steps": (int,)}),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flip", ("flip", {})),
        ("flip:both", ("flip", {"mode": "both"})),
        ("bim:4", ("bim", {"epsilon": 4.0})),
        (" BIM : 4, steps=20 ,step=none", ("bim", {"epsilon": 4.0, "steps": 20, "step": None})),
        ("bim,fast=true", ("bim", {"fast": True})),
        ("webp:40 - 80", ("webp", {"quality": Range(40, 80)})),
        ("webp:40", ("webp", {"quality": 40})),
        ("webp:-4", ("webp", {"quality": -4})),
        ("bim:epsilon=2", ("bim", {"epsilon": 2.0})),
    ],
)
def test_good(text, expected):
    assert parse_spec(text, "attack", FORMS) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bmi:4", "Unknown attack 'bmi'. Did you mean 'bim'\\? There are: flip, bim, webp, plain. Received: 'bmi:4'"),
        ("bim:4,20", "takes epsilon first, then key=value with epsilon, steps, step, fast; not '20'"),
        ("plain:4", "takes key=value with steps; not '4'"),
        ("bim:4,steps=", "'steps' of 'bim' must be int, not ''"),
        ("bim:4,=3", "has no ''"),
        ("bim:4,stepps=3", "has no 'stepps'. Did you mean 'steps'"),
        ("bim:inf", "'epsilon' of 'bim' must be float, not 'inf'"),
        ("bim:4,fast=yes", "must be bool, not 'yes'"),
        ("bim:4,steps=1,steps=2", "'steps' is given twice"),
        ("webp:40-", "'quality' of 'webp' must be int or float or range, not '40-'"),
        ("webp:40-80,seed=1-2", "'seed' of 'webp' must be int, not '1-2'"),
        ("flip:", "'mode' of 'flip' must be str, not ''"),
    ],
)
def test_bad(text, message):
    with pytest.raises(ValueError, match=message):
        parse_spec(text, "attack", FORMS)


def test_not_a_string():
    with pytest.raises(TypeError, match="must be a string, such as 'flip'. Received: 4"):
        parse_spec(4, "attack", FORMS)


def test_values_as_they_are_written():
    assert [format_value(value) for value in (4.0, 2.5, 3, False, "both", Range(40, 80))] == [
        "4", "2.5", "3", "false", "both", "40-80",
    ]  # fmt: skip
