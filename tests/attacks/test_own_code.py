"""The code of an attack that is not this package's is a part of what it is."""

from __future__ import annotations

import importlib.util

import pytest

from tf_lowdef.attacks import BIM
from tf_lowdef.attacks.own_code import hash_own_code
from tf_lowdef.evaluation.plan import make_plan

MINE = """
from tf_lowdef.attacks import BIM

class Mine(BIM):
    name = "{name}"

    def run(self, model_fn, batch):
        {comment}
        return super().run(model_fn, {batch})
"""


@pytest.fixture
def write(tmp_path):
    """A function that writes an attack's module and returns one such attack."""
    made = []

    def make(name="mine", comment="", batch="batch"):
        path = tmp_path / f"written_{len(made)}.py"
        made.append(path)
        path.write_text(MINE.format(name=name, comment=comment, batch=batch))
        spec = importlib.util.spec_from_file_location("written", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.Mine(4)

    return make


def test_the_packages_own_have_none():
    assert hash_own_code(BIM(4)) is None


def test_code_counts_and_comments_do_not(write, monkeypatch):
    monkeypatch.setattr("inspect.getfile", lambda kind: kind.run.__code__.co_filename)
    first, same, other = write(), write(comment="# why"), write(batch="batch  or None")
    assert hash_own_code(first) == hash_own_code(same) != hash_own_code(other)
    described = make_plan(first, "none", "oblivious", None).describe()
    assert described["attacks_sha256"] == {first.spec: hash_own_code(first)}


def test_two_attacks_of_one_name_are_refused(write):
    with pytest.raises(ValueError, match="`attacks` names 'bim:4' twice, for different attacks"):
        make_plan([BIM(4), write(name="bim")], "none", "oblivious", None)
    assert list(make_plan(["bim:4", BIM(4)], "none", "oblivious", None).attacks) == ["bim:4"]
