"""Every public class and function has an example in its docstring, and every example runs and shows what it says."""

from __future__ import annotations

import ast
import doctest
import functools
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import tf_lowdef
from tf_lowdef.threats import THREATS

PACKAGE = Path(tf_lowdef.__file__).parent
ROOMS = (
    "attacks",
    "certification",
    "defences",
    "evaluation",
    "folders",
    "gating",
    "layers",
    "models",
    "report",
    "results",
    "serving",
    "studies",
    "threats",
    "training",
    "webp",
    "webp.graph",
)
"""The packages that users call. `files` and `jobs`, which the others are built on, have their pages and tests."""
ELSEWHERE = (
    "attacks",
    "data.load.load_data",
    "evaluation.folder.attack_folder.attack_folder",
    "evaluation.sweep.sweep",
    "jobs.ray.RayOptions",
    "models.drawings.draw_set",
    "studies.cam_study.correlations",
)
"""Other docstrings with examples."""
CONSTANTS = {
    "certification": {"ABSTAIN"},
    "defences": {"BARE"},
    "evaluation": {"DEFAULT_ATTACKS", "DEFAULT_DEFENCES", "DEFAULT_THREATS"},
    "layers": {"NO_DEFENCE"},
    "results": {"BARE", "CLEAN", "WORST"},
    "threats": {"ADAPTIVE", "OBLIVIOUS", "THREATS", "TRANSFER"},
    "webp.graph": {"MAX_METHOD"},
}
SLOW = {
    "attacks.APGDCE",
    "attacks.APGDDLR",
    "attacks.APGDT",
    "attacks.DeepFool",
    "attacks.FAB",
    "certification.SmoothedClassifier",
    "certification.certify",
    "evaluation.evaluate",
    "gating.gate",
    "layers.codec_scope",
    "serving.check",
    "serving.export",
    "studies.draw_study",
    "studies.make_gallery",
    "studies.tell_story",
    "webp.graph.roundtrip",
}
"""More than 3 s each."""


def names_of(room: str) -> list[str]:
    """What a package offers besides constants; read without importing it, which would make every collection slow."""
    tree = ast.parse((PACKAGE / room.replace(".", "/") / "__init__.py").read_text(encoding="utf-8"))
    (names,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return [name for name in names if name not in CONSTANTS.get(room, set())]


PUBLIC = [f"{room}.{name}" for room in ROOMS for name in names_of(room)]


def find(place: str):
    """The object at a place in the package."""
    *parts, name = place.split(".")
    return getattr(import_module(".".join(["tf_lowdef", *parts])), name)


@pytest.fixture(scope="session")
def demo():
    """`load_demo`, whose classifiers stay the same, so that what was compiled for one example serves the next."""
    return functools.cache(tf_lowdef.load_demo)


def run(place: str, text: str) -> tuple[doctest.DocTest, str]:
    """Run the examples of a docstring as somebody would who pastes them."""
    test = doctest.DocTestParser().get_doctest(inspect.cleandoc(text), {}, place, None, None)
    said: list[str] = []
    doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS).run(test, out=said.append)
    return test, "".join(said)


def test_the_public_names_are_among_them():
    offered = {name.rpartition(".")[2] for name in PUBLIC}
    assert set(tf_lowdef.__all__) - offered == {"__version__"}


def test_no_example_is_left_out():
    known = {place.rpartition(".")[2] for place in (*PUBLIC, *ELSEWHERE)}
    found = set()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if ">>>" in text else ():
            described = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            if described and ">>>" in (ast.get_docstring(node) or ""):
                found.add(getattr(node, "name", path.parent.name))
    assert found == known


@pytest.mark.parametrize("room", CONSTANTS)
def test_constants_are_no_excuse(room):
    for name in CONSTANTS[room]:
        value = find(f"{room}.{name}")
        assert not inspect.isclass(value)
        assert not inspect.isroutine(value)


def test_examples_that_say_something_else_are_found():
    assert "Got:" in run("a place", ">>> 1 + 1\n3")[1]
    assert "ZeroDivisionError" in run("a place", ">>> 1 / 0")[1]
    assert not run("a place", ">>> 1 + 1\n2")[1]


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize(
    "place",
    [pytest.param(place, marks=[pytest.mark.slow] * (place in SLOW)) for place in (*PUBLIC, *ELSEWHERE)],
)
def test_it_has_an_example_that_runs(place, demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tf_lowdef.threats.THREATS", dict(THREATS))  # an example adds one
    if place == "layers.grammar":
        monkeypatch.setattr(find("layers.forms"), "_ROWS", list(find("layers.forms._ROWS")))
    monkeypatch.setattr("tf_lowdef.load_demo", demo)
    text = find(place).__doc__ or ""
    assert text, "no docstring"
    test, said = run(place, text)
    run_and_shown = [each for each in test.examples if each.want and not each.options.get(doctest.SKIP)]
    assert run_and_shown, "no example that shows something"
    assert "Example:" in text
    assert not said, said
