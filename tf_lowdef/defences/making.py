"""Defences of whatever a user writes, and their names in a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import keras

from tf_lowdef.defences.calibration import Rule
from tf_lowdef.defences.defence import Defence
from tf_lowdef.defences.gate import Gate
from tf_lowdef.defences.naming import check_name, layers_name
from tf_lowdef.layers import NO_DEFENCE, parse_defence
from tf_lowdef.results.paths import folder_name
from tf_lowdef.specs import split_gate


def make_defence(what: Any) -> Defence:
    """Return the defence that is meant.

    Args:
        what: A text such as ``"webp:60+flip"``, a gate's such as ``"gate(webp:60+flip)"``, a Keras layer from images to
            images, a sequence of layers, a pair (name, any of these), or a :class:`Defence`. Layers are named by their
            text; those that have none by their class and a hash of their configuration and weights:
            ``"GaussianNoise(3f2a91)"``, ``"webp(07c1d2)"``.

    Raises:
        TypeError: It is something else.
        ValueError: A text is wrong, two layers would draw the same, or a given name is the text of other layers.

    Example:
        >>> from tf_lowdef import FlipLayer, WebPLayer
        >>> from tf_lowdef.defences import make_defence
        >>> make_defence("webp:60+flip").name == make_defence([WebPLayer(60), FlipLayer()]).name
        True
        >>> make_defence(("mine", FlipLayer())).name
        'mine'
    """
    if isinstance(what, Defence):
        return _checked(what)
    if isinstance(what, tuple) and len(what) == 2 and isinstance(what[0], str):
        return make_defence(replace(make_defence(what[1]), name=what[0]))
    if isinstance(what, str):
        if (written := split_gate(what)) is not None:
            squeezers = tuple(make_defence(part) for part in written.squeezers)
            arbitrate = written.values.pop("arbitrate", True)
            return Gate(squeezers=squeezers, rule=Rule(**written.values), arbitrate=arbitrate)
        what = parse_defence(what)
    elif not isinstance(what, Sequence):
        what = [what]
    defence = Defence(NO_DEFENCE, tuple(what))
    return replace(defence, name=layers_name(defence.layers))


def _checked(defence: Defence) -> Defence:
    """Return a defence that somebody named, if nothing else is called so.

    Raises:
        ValueError: The name is the text of another defence, or could not stand in a table.
    """
    if isinstance(defence, Gate) and defence.name == defence.text:
        return defence
    if split_gate(defence.name) is not None:
        raise ValueError(f"{defence.name!r} means another gate; give it another name. Received: {defence!r:.200}")
    return replace(defence, name=check_name(defence.name, defence.layers))


def name_defences(defences: Any) -> dict[str, Defence]:
    """Return defences by name, in order.

    Args:
        defences: What :func:`make_defence` takes, or a sequence of such; strings and layers stand for one defence each.

    Raises:
        TypeError: One of them is none.
        ValueError: One of them is wrong, stands there twice, or there are none.

    Example:
        >>> from tf_lowdef.defences import name_defences
        >>> list(name_defences(["none", "flip", "webp:60+flip"]))
        ['none', 'flip', 'webp:60+flip']
    """
    alone = isinstance(defences, str | keras.layers.Layer | Defence)
    if not alone and not isinstance(defences, Iterable):
        raise TypeError(
            "`defences` must be a text such as 'webp:60+flip', a Keras layer, a Defence, or several of these. "
            f"Received: {defences!r}"
        )
    made = [make_defence(each) for each in ([defences] if alone else defences)]
    if not made:
        raise ValueError("`defences` must name at least one defence; 'none' is the bare model")
    named = {each.name: each for each in made}
    given = [each.name for each in made]
    if len(named) < len(made):
        raise ValueError(f"`defences` names one twice. Received: {given}")
    folders = [folder_name(name).lower() for name in given]
    alike = [name for name, folder in zip(given, folders, strict=True) if folders.count(folder) > 1]
    if alike:  # each would overwrite the other's, and a run whose images change is never done
        raise ValueError(f"The images of two defences would lie in one folder; name them otherwise. Received: {alike}")
    return named
