"""Which operations a graph uses, its functions included, and which of them no server would run."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any, NamedTuple

from tensorflow.python.framework import op_def_registry

PYTHON_OPS = ("PyFunc", "EagerPyFunc", "PyFuncStateless")
"""They call back into the Python process that traced them."""


_RANDOM = re.compile(r"Random(?!Dataset|IndexShuffle)|Multinomial|TruncatedNormal|StatelessSample")
"""In the names of TensorFlow's operations that draw; those that only count a generator on say so too."""


class Use(NamedTuple):
    """One operation of a graph.

    Attributes:
        op: The operation's type, such as ``"Conv2D"``.
        path: Names of the nodes that lead to it, through calls of functions, joined by ``/``.
        node: Its ``NodeDef``.
    """

    op: str
    path: str
    node: Any


class Unservable(NamedTuple):
    """An operation that some server cannot run, where it stands, and why."""

    op: str
    path: str
    why: str


def uses(graph_def: Any) -> Iterator[Use]:
    """Yield every node of a ``GraphDef`` and of each function in its library, once."""
    callers = _callers(graph_def)
    for node in graph_def.node:
        yield Use(node.op, node.name, node)
    for function in graph_def.library.function:
        where = _path(function.signature.name, callers)
        for node in function.node_def:
            yield Use(node.op, f"{where}/{node.name}", node)


def unservable(graph_def: Any) -> list[Unservable]:
    """Return the nodes that call into Python, or that the oldest supported TensorFlow does not know."""
    newer = newer_ops()
    found = []
    defined = {function.signature.name for function in graph_def.library.function}
    for use in uses(graph_def):
        if use.op in PYTHON_OPS:
            found.append(Unservable(use.op, use.path, "calls back into the Python process that made it"))
        elif use.op in newer["ops"] and use.op not in defined:
            found.append(Unservable(use.op, use.path, f"is not in TensorFlow {newer['oldest']}"))
        else:
            new = [name for name in newer["attributes"].get(use.op, ()) if _is_set(use.node, name)]
            if new:
                why = f"sets {', '.join(new)}, which TensorFlow {newer['oldest']} does not know"
                found.append(Unservable(use.op, use.path, why))
    return found


def random_uses(graph_def: Any) -> list[Use]:
    """Return the nodes that draw random numbers."""
    return [use for use in uses(graph_def) if _RANDOM.search(use.op)]


def layer_of(path: str, layer_names: Iterable[str]) -> str | None:
    """Return the innermost of some layers that a node's path goes through; Keras names scopes after layers."""
    known = set(layer_names)
    for part in reversed(path.split("/")):
        name = part
        while name:
            if name in known:
                return name
            stem, _, number = name.rpartition("_")  # a scope that is entered again gets a number
            name = stem if number.isdigit() else ""
    return None


@functools.cache
def newer_ops() -> dict[str, Any]:
    """Return what TensorFlow has registered since the oldest supported version.

    ``newer_ops.json`` is written by ``scripts/newer_ops.py`` from the registries of two installed versions.

    Returns:
        ``oldest`` and ``newest``, the two versions; ``ops``, the names of new operations; ``attributes``, the names of
        new attributes of old ones.
    """
    text = resources.files("tf_lowdef.serving").joinpath("newer_ops.json").read_text("utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def _is_set(node: Any, attribute: str) -> bool:
    """Return whether a node sets an attribute to another value than the default, which is not saved."""
    definition = op_def_registry.get(node.op)
    defaults = {each.name: each.default_value for each in definition.attr} if definition else {}
    return attribute in node.attr and node.attr[attribute] != defaults.get(attribute)


def _callers(graph_def: Any) -> dict[str, tuple[str, str]]:
    """Return for each function one node that calls it: the function that the node is in, or "", and the node's name."""
    callers: dict[str, tuple[str, str]] = {}
    bodies = [("", graph_def.node)]
    bodies += [(function.signature.name, function.node_def) for function in graph_def.library.function]
    for inside, nodes in bodies:
        for node in nodes:
            for attribute in node.attr.values():
                names = [attribute.func.name, *(each.name for each in attribute.list.func)]
                for name in filter(None, names):
                    callers.setdefault(name, (inside, node.name))
    return callers


def _path(function: str, callers: dict[str, tuple[str, str]]) -> str:
    """Return the names of the nodes that lead to a function, the outermost first; the function's own for none."""
    parts: list[str] = []
    seen = {function}
    while function in callers:
        function, node = callers[function]
        parts.insert(0, node)
        if not function or function in seen:
            break
        seen.add(function)
    return "/".join(parts) or function
