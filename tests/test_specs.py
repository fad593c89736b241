import pytest

from tf_lowdef.specs import Spec, parse_spec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flip", ("flip", None, {})),
        ("bim:4", ("bim", "4", {})),
        (" bim:4, steps=20,step_size=1 ", ("bim", "4", {"steps": "20", "step_size": "1"})),
        ("bim:steps=20", ("bim", None, {"steps": "20"})),
    ],
)
def test_parts(text, expected):
    assert parse_spec(text, "attack", ["flip", "bim"]) == Spec(text.strip(), *expected)


@pytest.mark.parametrize("text", ["bim:4,20", "bim:4,steps=", "bim:4,=3", "bim:4,steps=1,steps=2"])
def test_what_does_not_follow_the_grammar(text):
    with pytest.raises(ValueError, match="expected NAME"):
        parse_spec(text, "attack", ["bim"])


def test_unknown_name_lists_what_there_is():
    with pytest.raises(ValueError, match="Unknown attack 'BMI'. Did you mean 'bim'\\? There are: bim, fgsm"):
        parse_spec("BMI:4", "attack", ["fgsm", "bim"])
