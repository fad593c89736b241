"""Anybody's Keras model as a classifier from pixels in [0, 255] to logits."""

from __future__ import annotations

import warnings
import weakref
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_lowdef.keras_compat import all_layers
from tf_lowdef.layers import ImageLayer
from tf_lowdef.models.adapter_layers import LogProbabilities, ToGrey, TwoLogits
from tf_lowdef.models.changes import drop_stale_traces
from tf_lowdef.models.cutting import split_defence
from tf_lowdef.models.doubts import kept_head, remember
from tf_lowdef.models.gated import find_gate
from tf_lowdef.models.heads import HEADS, LOGITS, OF_SIGMOIDS, SIGMOID, SOFTMAX, find_head, is_graph
from tf_lowdef.models.input_range import PIXELS, RESCALING, InputRange, declared_range, parse_input_range
from tf_lowdef.models.networks import as_network, sample_images

_ENDS = {SOFTMAX: "a softmax", SIGMOID: "a sigmoid", LOGITS: "logits, without an activation"}
_TOLERANCE = 1e-3
"""How far from one a row of softmax outputs may sum; half precision and dequantised models stray that far."""


def as_classifier(
    model: Any,
    input_range: Any = None,
    outputs: str | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
) -> Any:
    """Make a pixel classifier of any Keras model from images to class scores.

    A pixel classifier takes pixels in [0, 255] and gives logits, which is what everything here is told in and attacked
    through. One is returned as it is. Otherwise the model's own range is made of pixels in front of it, and its softmax
    or sigmoid is taken off behind: exactly, where its last layer has one; else the logarithm of the probabilities is
    taken, clipped to 1.2e-38, with a warning, because what they are rounded to 0 or 1 gives no gradient.

    The weights are the model's own, so that training either trains both. What comes back is a Keras model: it saves,
    loads with ``safe_mode=True`` and exports if the model does (a ``keras.layers.TFSMLayer`` loads with
    ``safe_mode=False`` alone), and ``grad_cam`` looks into it.

    Args:
        model: Sequential, functional or subclassed, called before or not; or a ``keras.layers.TFSMLayer`` of a
            SavedModel. It takes one batch of grey or RGB images, shape (batch, height, width, 1 or 3), and gives class
            scores of shape (batch, classes). Lists and dicts of one tensor are unwrapped; of a gate, its answer.
        input_range: What the model takes pixels as: the two values that stand for black and full, such as ``(0, 1)``,
            or ``"caffe"`` (BGR less ImageNet's mean), ``"torch"`` (standardised by ImageNet's mean and deviation) or
            ``"tf"``, as ``preprocess_input`` of ``keras.applications`` names them. None means the `value_range` of this
            package's layers in front of the model, and [0, 255] without any.
        outputs: ``"softmax"``, ``"logits"`` or ``"sigmoid"``; None finds it out by the last layer, or, where that does
            not tell, by the outputs for a few drawn images.
        input_shape: (height, width, channels), for a model that was never called; None for what the model says.

    Returns:
        A ``keras.Model`` from float32 in [0, 255], shape (batch, height, width, channels), to logits, shape (batch,
        classes). One output becomes two, for class 0 and class 1, whose softmax is its sigmoid; several sigmoids become
        their logits, each of one class against the rest.

    Raises:
        TypeError: `model` is no Keras model or layer.
        ValueError: An argument is wrong or contradicts the model, or the model takes or gives something else.

    Example:
        >>> import keras, numpy as np
        >>> from tf_lowdef import as_classifier
        >>> mine = keras.Sequential(
        ...     [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(5, activation="softmax")]
        ... )
        >>> model = as_classifier(mine, input_range=(0, 1))  # takes pixels in [0, 255], gives logits
        >>> pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.float32)
        >>> np.allclose(keras.ops.softmax(model(pixels)), mine(pixels / 255), atol=1e-5)
        True
    """
    if not isinstance(model, keras.layers.Layer):
        legacy = type(model).__module__.startswith(("tf_keras", "tensorflow.python.keras"))
        cure = (
            " of Keras 2 (tf_keras, which TF_USE_LEGACY_KERAS=1 makes tf.keras). Unset that variable, and make "
            "the model with Keras 3"
        )
        raise TypeError(f"`model` must be a Keras model. Received: {type(model).__name__}{cure if legacy else ''}")
    if outputs is not None and outputs not in HEADS:
        raise ValueError(f"`outputs` must be one of {', '.join(HEADS)}. Received: outputs={outputs!r}")
    said = None if input_range is None else parse_input_range(input_range)
    if said is None and outputs is None and range_is_said(model):
        drop_stale_traces(model)
        return model
    if said not in (None, PIXELS) and any(layer.name == RESCALING for layer in getattr(model, "layers", ())):
        raise ValueError(
            f"{model.name!r} is adapted already: it takes pixels in [0, 255]. Received: input_range=({said})"
        )
    layers = tuple(map(id, getattr(model, "layers", ())))  # a Sequential may have grown since
    key = (said, outputs, None if input_shape is None else tuple(input_shape), layers)
    known = _remembered(model)
    if key not in known:
        known[key] = _adapt(model, said, outputs, input_shape)
    drop_stale_traces(known[key])
    return known[key] if said is None else say_range(known[key])


def _adapt(model: Any, said: InputRange | None, outputs: str | None, input_shape: Any) -> Any:
    if (gate := find_gate(model)) is not None and gate.head.answer != LOGITS:
        if said not in (None, PIXELS) or outputs not in (None, LOGITS):
            raise ValueError(
                f"{model.name!r} is a gate, which takes pixels in [0, 255] and gives logits. "
                f"Received: input_range={said}, outputs={outputs!r}"
            )
        return say_range(gate.classifier())
    network = as_network(model, input_shape)
    within = _agree(model, said, declared_range(network))
    if said is None and not is_graph(model):
        _check_hidden(model)
    shape = tuple(network.inputs[0].shape[1:])
    if shape[-1] == 1 and isinstance(within.said, str):
        raise ValueError(f"The preprocessing of {within} is for RGB images. Received: input_shape={shape}")
    head, core = find_head(network)
    tail, doubts = _tail(network, within, head, outputs)
    for doubt in doubts:
        warnings.warn(doubt, UserWarning, stacklevel=4)
    classifier = _assemble(network, core, within.layers(), tail)
    remember(classifier, doubts)
    return classifier


def _assemble(network: Any, core: Any, front: list[Any], tail: list[Any]) -> Any:
    """Return a network's core with what belongs around it; the network itself where that is nothing.

    Layers of this package stay in front of all: there they are told from the classifier.
    """
    if core is network and not front and not tail:
        return network
    defence, rest = split_defence(core)
    if not (defence or front or tail):
        return core
    shape = core.inputs[0].shape[1:]
    inputs = keras.Input(shape, dtype="float32", name="pixels")
    return keras.Sequential([inputs, *map(_on_pixels, defence), *front, rest, *tail])


def _on_pixels(layer: Any) -> Any:
    """Return a layer of this package that does to pixels in [0, 255] what it did to values in its own range."""
    config = layer.get_config()
    return type(layer).from_config({**config, "value_range": PIXELS.said} if "value_range" in config else config)


def _agree(model: Any, said: InputRange | None, declared: InputRange | None) -> InputRange:
    if said is not None and declared is not None and said != declared:
        raise ValueError(
            f"A layer in front of {model.name!r} has value_range=({declared}). Give it the same range, or leave "
            f"`input_range` out. Received: input_range=({said})"
        )
    return said or declared or PIXELS


def _check_hidden(model: Any) -> None:
    """Raise ValueError where a model without a graph has layers of this package that are set to another range."""
    for layer in all_layers(model) if not isinstance(model, keras.Sequential) else ():
        value_range = getattr(layer, "value_range", PIXELS.said)
        if isinstance(layer, ImageLayer) and tuple(value_range) != PIXELS.said:
            raise ValueError(
                f"{layer.name!r} has value_range={tuple(value_range)}, and whether the input of {model.name!r} reaches "
                "it as it is cannot be known of a subclassed model. Pass `input_range`, or put the layer in front of "
                "the model in a keras.Sequential"
            )


def _tail(network: Any, within: InputRange, head: str | None, said: str | None) -> tuple[list[Any], list[str]]:
    """Return the layers that belong behind a network whose head, where it could be told, is taken off, and doubts.

    Raises:
        ValueError: The head is another than was said, or cannot be told, or there are no class scores.
    """
    shape = tuple(network.outputs[0].shape)
    if len(shape) < 2 or shape[-1] is None or any(side != 1 for side in shape[1:-1]):
        raise ValueError(
            f"{network.name!r} must give class scores of shape (batch, classes). Received: output_shape={shape}"
        )
    if head is not None and said not in (None, head):
        raise ValueError(f"{network.name!r} ends in {_ENDS[head]}. Received: outputs={said!r}")
    flat = [keras.layers.Flatten(name="scores")] if len(shape) > 2 else []
    one = shape[-1] == 1
    if head == LOGITS and one and said is None:
        raise ValueError(_one_number(network))
    known = head or said
    kind, doubts = (known, []) if known is not None else _judge_outputs(network, within)
    several = [keras.layers.Identity(name=OF_SIGMOIDS)] if kind == SIGMOID and not one else []
    if head is None and kind != LOGITS:
        behind = LogProbabilities(kind, dtype="float32", name="log_probabilities")
        return [*flat, behind, *several], [*doubts, kept_head(network.name, kind)]
    return [*flat, *([TwoLogits(dtype="float32", name="two_logits")] if one else several)], doubts


def _judge_outputs(network: Any, within: InputRange) -> tuple[str, list[str]]:
    """Return what a network gives, by its outputs for a few images, and why that may be wrong."""
    images = within.of(sample_images(tuple(network.inputs[0].shape[1:])))
    scores = np.asarray(network(tf.constant(images), training=False), np.float32)
    scores = scores.reshape(len(images), -1)
    inside = bool((scores >= 0).all() and (scores <= 1 + _TOLERANCE).all())
    if scores.shape[1] == 1:
        if not inside:
            raise ValueError(_one_number(network))
        return SIGMOID, []
    if inside and (abs(scores.sum(axis=1) - 1) < _TOLERANCE).all():
        return SOFTMAX, []
    doubt = (
        f"The outputs of {network.name!r} lie in [0, 1] and are taken as logits. If they come out of sigmoids, pass "
        "outputs='sigmoid'"
    )
    return LOGITS, [doubt] if inside else []


def _one_number(network: Any) -> str:
    return (
        f"{network.name!r} gives one number an image, and none of a sigmoid. If it is the logit of class 1, pass "
        "outputs='logits'"
    )


def in_colour(classifier: Any) -> Any:
    """Return a classifier of grey images as one of RGB images, which are made grey as Pillow does; others as they are.

    Args:
        classifier: From pixels in [0, 255], shape (batch, height, width, 1 or 3).
    """
    if classifier.input_shape[-1] != 1:
        return classifier
    shape = (*classifier.input_shape[1:3], 3)
    inner = classifier.layers if isinstance(classifier, keras.Sequential) else [classifier]
    return keras.Sequential([keras.Input(shape, dtype="float32", name="pixels"), ToGrey(dtype="float32"), *inner])


class _Memory:
    """What was made of a model; kept in the model's own dictionary, so that both die together."""

    def __init__(self) -> None:
        self.adapted: dict[Any, Any] = {}


def _remembered(model: Any) -> dict[Any, Any]:
    """Return what was made of this model before, by arguments: functions compiled for it are found again.

    Not in a dictionary by model, whose values would keep their own keys alive. Past Keras' ``__setattr__``, which would
    count it as a part of the model.
    """
    memory = model.__dict__.get("_tf_lowdef_adapted")
    if memory is None:
        memory = _Memory()
        object.__setattr__(model, "_tf_lowdef_adapted", memory)
    adapted: dict[Any, Any] = memory.adapted
    return adapted


_SAID: weakref.WeakSet[Any] = weakref.WeakSet()


def say_range(classifier: Any) -> Any:
    """Remember that a classifier is known to take pixels in [0, 255], so that nothing needs to be probed; return it."""
    _SAID.add(classifier)
    return classifier


def range_is_said(classifier: Any) -> bool:
    """Return whether somebody said what the classifier takes, or it was probed."""
    return classifier in _SAID
