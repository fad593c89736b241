"""Whether an attack, a defence or a recipe is spelled rightly, said before TensorFlow is imported, which takes seconds.

What may be written stands beside each attack and each layer, in modules that need TensorFlow. Their source is read here
instead of imported; names, keys and types are checked, ranges of values when the attack or layer is made.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import click

from tf_lowdef.bounds import form_of
from tf_lowdef.specs import Form, Range, kinds_of, parse_spec, split_gate

_PACKAGE = Path(__file__).resolve().parents[1]
_INESSENTIAL = {"self", "name", "dtype", "trainable"}

Kinds = tuple[type, ...]


class Spelled(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """A specification of an attack, a defence or a recipe whose name, keys and types are right.

    Args:
        kind: ``"attack"``, ``"defence"`` or ``"recipe"``.
    """

    name = "SPEC"

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it is; a usage error where it is none."""
        forms = {"attack": attack_forms, "defence": defence_forms, "recipe": recipe_forms}[self._kind]
        try:
            for part in _layers_in(value) if self._kind == "defence" else [value]:
                parse_spec(part, self._kind, forms())
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


def _layers_in(defence: str) -> list[str]:
    """Return the texts of a defence's layers; of a gate, those of all its defences.

    Raises:
        ValueError: It is a gate that is not written as one.
    """
    gate = split_gate(defence)
    return [part for each in ([defence] if gate is None else gate.squeezers) for part in each.split("+")]


@cache
def attack_forms() -> dict[str, Form]:
    """Return what may be written behind each attack's name."""
    found = _dataclass_forms("attacks")
    return {"none": Form({})} | {name: form_of(keys) for name, keys in found.items()}


@cache
def recipe_forms() -> dict[str, Form]:
    """Return what may be written behind each recipe's name."""
    return {name: Form(keys, next(iter(keys))) for name, keys in _dataclass_forms("training/recipes").items()}


def _dataclass_forms(folder: str) -> dict[str, dict[str, Kinds]]:
    """Return the fields of every dataclass of a package that has a name, by that name."""
    classes, found = _classes(folder), {}
    for each in classes.values():
        for line in each.body:
            if isinstance(line, ast.AnnAssign) and ast.unparse(line.target) == "name" and line.value is not None:
                found[str(ast.literal_eval(line.value))] = _merged(each, classes, _fields)
    return found


@cache
def defence_forms() -> dict[str, Form]:
    """Return what may be written behind each layer's name."""
    classes = _classes("layers")
    forms = {"none": Form({})}
    for each in classes.values():
        for call in each.decorator_list:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "grammar":
                given = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
                name, _, word = str(ast.literal_eval(call.args[0])).partition(":")
                keys = _merged(each, classes, _arguments)
                keys = {key: kinds for key, kinds in keys.items() if key not in given.get("hidden", ()) and kinds}
                known = forms.get(name, Form({}))
                first = known.first if word else given.get("first") or next(iter(keys), None)
                keys |= {known.first or first or "": (str,)} if word else {}
                forms[name] = Form(_joined(known.keys, keys), first or known.first)
    return forms


def _joined(known: Mapping[str, Kinds], more: Mapping[str, Kinds]) -> dict[str, Kinds]:
    return {key: (*known.get(key, ()), *more.get(key, ())) for key in (*known, *more)}


@cache
def _classes(folder: str) -> dict[str, ast.ClassDef]:
    """Return the classes of a package by name, plain words before those with a word of their own."""
    found = {}
    for path in sorted((_PACKAGE / folder).glob("*.py")):
        for each in ast.parse(path.read_text("utf-8")).body:
            if isinstance(each, ast.ClassDef):
                found[each.name] = each
    return found


def _merged(
    each: ast.ClassDef, classes: Mapping[str, ast.ClassDef], of: Callable[[ast.ClassDef], Iterator[tuple[str, Kinds]]]
) -> dict[str, Kinds]:
    """Return a class' own arguments and those of its bases in the package, the nearest first."""
    found = dict(of(each))
    for base in each.bases:
        if isinstance(base, ast.Name) and base.id in classes:
            found = {**_merged(classes[base.id], classes, of), **found}
    return {**dict(of(each)), **found}


def _fields(each: ast.ClassDef) -> Iterator[tuple[str, Kinds]]:
    """Yield the fields of a dataclass."""
    for line in each.body:
        if isinstance(line, ast.AnnAssign) and not ast.unparse(line.annotation).startswith("ClassVar"):
            yield ast.unparse(line.target), _kinds(line.annotation)


def _arguments(each: ast.ClassDef) -> Iterator[tuple[str, Kinds]]:
    """Yield the arguments of a class' constructor."""
    for line in each.body:
        if isinstance(line, ast.FunctionDef) and line.name == "__init__":
            for argument in (*line.args.args, *line.args.kwonlyargs):
                if argument.arg not in _INESSENTIAL and argument.annotation is not None:
                    kinds = _kinds(argument.annotation)
                    # a whole number is a float too, and stays whole
                    yield argument.arg, ((int,) if float in kinds and int not in kinds else ()) + kinds


class _Other:
    """Any type that cannot be written, with or without arguments."""

    def __class_getitem__(cls, arguments: Any) -> type[_Other]:
        del arguments
        return cls


class _Names(dict[str, Any]):
    """Names that a type hint may hold."""

    def __missing__(self, name: str) -> type[_Other]:
        del name
        return _Other


def _kinds(annotation: ast.expr) -> Kinds:
    names = _Names(int=int, float=float, bool=bool, str=str, Range=Range)
    return kinds_of(eval(ast.unparse(annotation), {"__builtins__": {}}, names))  # noqa: S307 - our own source
