"""Grad-CAM: which parts of an image speak for a class."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.evaluation.models.draws import Keys, image_keys
from tf_lowdef.keras_compat import all_layers, producer, tensors_backwards
from tf_lowdef.layers import ImageLayer, MeanOfCopies, draw_scope
from tf_lowdef.layers.compiled import infer
from tf_lowdef.models.adapter import as_classifier
from tf_lowdef.models.gated import find_gate
from tf_lowdef.models.heads import is_graph
from tf_lowdef.validation import CHANNELS, channels_cure

Maps = npt.NDArray[np.float32]

_BATCH = 32
_OPAQUE = (keras.Model, keras.layers.TFSMLayer)
"""What may hold features that no graph leads to."""


class _Parts(NamedTuple):
    """A classifier in pieces.

    Attributes:
        head: The layers before the network that holds the features, in order.
        network: From the head's output to (features, the network's output).
        tail: The layers behind it, in order.
    """

    head: list[Any]
    network: Any
    tail: list[Any]


def grad_cam(
    model: Any,
    images: npt.ArrayLike,
    class_index: npt.ArrayLike | None = None,
    *,
    layer: str | None = None,
    align: bool = True,
    keys: Keys | None = None,
    input_range: Any = None,
    outputs: str | None = None,
) -> Maps:
    """Return the Grad-CAM maps of images (Selvaraju et al. 2017, section 3).

    Each map is the feature maps of the last convolutional stage, weighted by the mean gradient of one class' score with
    respect to them, summed, cut off below zero (equations 1 and 2), and resized bilinearly to the image.

    Args:
        model: Any Keras classifier that is a graph of layers, `as_classifier` says which; such as ``load_application``
            or ``defend`` gives. It may be a row of layers with one network among them, nested at any depth. Of several
            copies of an image their mean is explained.
        images: Pixels in [0, 255], uint8 or float, shape (n, height, width, 3), or 1 for grey; in the model's own range
            where neither `input_range` nor a layer of this package tells it.
        class_index: The class whose score is explained: an integer, or integers of shape (n,); None means the one that
            the model predicts.
        layer: The name of the layer whose output holds the features; None means the last one with an output of
            (batch, rows, columns, channels) and more than one place in it, pooling left out.
        align: Whether the maps of moved images are brought back, so that they lie on `images`, by every layer of this
            package in front of the network that moves pixels: flips, shifts, crops, padding. Of several crops of an
            image a pixel has the mean of those it is in.
        keys: int64, shape (n, 2): what randomised layers draw by, as in ``draw_scope``; None makes them of the images.
        input_range: What the model takes pixels as, see `as_classifier`; None for one that takes them as they are.
        outputs: What the model gives, see `as_classifier`; None finds it out.

    Returns:
        float32, shape (n, height, width), in [0, 1]: divided by the maximum of each map. A map without any positive
        evidence is 0 everywhere.

    Raises:
        TypeError: `model` is no Keras model, or `class_index` holds no integers.
        ValueError: A shape or class is wrong, or the model has no such layer.

    Example:
        >>> from tf_lowdef import grad_cam, load_demo
        >>> model, images, labels = load_demo()
        >>> maps = grad_cam(model, images[:4], labels[:4])
        >>> maps.shape, float(maps.min()) >= 0, float(maps.max()) <= 1
        ((4, 96, 96), True, True)
    """
    pixels = np.asarray(images)
    if pixels.ndim != 4 or pixels.shape[3] not in CHANNELS:
        raise ValueError(
            f"`images` must have the shape (n, height, width, 3), or 1 for grey. {channels_cure(pixels.shape)}"
            f"Received: shape={pixels.shape}"
        )
    model = as_classifier(model, input_range, outputs, pixels.shape[1:])
    if find_gate(model) is not None:
        raise ValueError(
            f"Grad-CAM explains one answer, and {model.name!r} is a gate, which chooses between two: give it the "
            "classifier, or the defended one"
        )
    indices = None if class_index is None else _check_indices(class_index, len(pixels))
    parts = _take_apart(model, layer)
    keys = image_keys(pixels, 0, 0) if keys is None else keys
    maps = [np.zeros((0, *pixels.shape[1:3]), np.float32)]
    for start in range(0, len(pixels), _BATCH):
        some = slice(start, start + _BATCH)
        with draw_scope(keys[some]):
            maps.append(_maps(parts, pixels[some], None if indices is None else indices[some], align).numpy())
    return np.concatenate(maps)


def _check_indices(class_index: npt.ArrayLike, count: int) -> npt.NDArray[np.int64]:
    indices = np.asarray(class_index)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"`class_index` must hold integers. Received: dtype={indices.dtype}")
    if indices.ndim and indices.shape != (count,):
        raise ValueError(f"`class_index` must be one class, or one an image ({count}). Received: shape={indices.shape}")
    return np.broadcast_to(indices.astype(np.int64), (count,))


def _take_apart(model: Any, name: str | None) -> _Parts:
    """Find the features, in the model itself or in a network nested in it.

    Raises:
        ValueError: There are none, or the nested network that has them does not stand in a row with the other layers.
    """
    if not is_graph(model):
        raise ValueError(f"Grad-CAM cannot explain {model.name!r}: it is no graph of layers, Sequential or functional")
    for tensor in tensors_backwards(model):
        operation, _ = producer(tensor)
        if operation.name == name if name is not None else _is_feature(operation, tensor):
            return _Parts([], keras.Model(model.inputs[0], [tensor, model.outputs[0]]), [])
        if is_graph(operation) and _holds_features(operation, name):
            inner, row = _take_apart(operation, name), _row(model)
            place = row.index(operation)
            return _Parts([*row[:place], *inner.head], inner.network, [*inner.tail, *row[place + 1 :]])
    opaque = [each.name for each in all_layers(model) if isinstance(each, _OPAQUE) and not is_graph(each)]
    if opaque:
        raise ValueError(f"Grad-CAM cannot explain {model.name!r}: {opaque[0]!r} in it is no graph of layers")
    what = "no layer with features of (rows, columns, channels)" if name is None else f"no layer {name!r}"
    raise ValueError(f"Grad-CAM cannot explain {model.name!r}: it has {what}")


def _row(model: Any) -> list[Any]:
    """Return the layers and operations of a model in which each takes what the one before it gives.

    Raises:
        ValueError: It branches.
    """
    row: list[Any] = []
    tensor = model.outputs[0]
    while tensor is not model.inputs[0]:
        operation, inputs = producer(tensor)
        if len(inputs) != 1:
            raise ValueError(
                f"Grad-CAM needs a flat model, or layers in a row with one network among them. Received: {model.name!r}"
                f", in which {operation.name!r} takes {len(inputs)} tensors"
            )
        row.append(operation)
        tensor = inputs[0]
    return row[::-1]


def _holds_features(network: Any, name: str | None) -> bool:
    """Return whether a nested network has the features that are looked for."""
    for tensor in tensors_backwards(network):
        operation, _ = producer(tensor)
        if operation.name == name if name is not None else _is_feature(operation, tensor):
            return True
        if is_graph(operation) and _holds_features(operation, name):
            return True
    return False


def _is_feature(operation: Any, tensor: Any) -> bool:
    """Return whether an operation's output has more than one place, and is neither pooled nor an image made ready."""
    pooled = isinstance(operation, keras.layers.MaxPooling2D | keras.layers.AveragePooling2D)
    made_ready = isinstance(operation, ImageLayer | keras.layers.Rescaling | keras.layers.Normalization)
    shape = tuple(tensor.shape)
    return len(shape) == 4 and None not in shape[1:3] and max(shape[1:3]) > 1 and not pooled and not made_ready


def _maps(parts: _Parts, pixels: npt.NDArray[Any], indices: npt.NDArray[np.int64] | None, align: bool) -> tf.Tensor:
    seen = tf.convert_to_tensor(pixels)
    if not parts.head:
        seen = tf.cast(seen, tf.float32)
    for layer in parts.head:
        seen = _call(layer, seen)
    with tf.GradientTape() as tape:
        tape.watch(seen)  # or frozen weights would leave nothing to follow
        features, scores = parts.network(seen, training=False)
        for layer in parts.tail:
            if isinstance(layer, MeanOfCopies):  # of logits: where a probability is one, it has no slope
                scores = tf.reduce_mean(tf.reshape(scores, (len(pixels), layer.copies, scores.shape[1])), axis=1)
            else:
                scores = _call(layer, scores)
        chosen = tf.argmax(scores, axis=1) if indices is None else tf.constant(indices)
        _check_classes(indices, scores.shape[1])
        score = tf.gather(scores, chosen, batch_dims=1)
    weights = tf.reduce_mean(tape.gradient(score, features), axis=(1, 2), keepdims=True)
    maps = tf.nn.relu(tf.reduce_sum(weights * features, axis=-1, keepdims=True))
    maps = tf.image.resize(tf.cast(maps, tf.float32), pixels.shape[1:3])
    if align:
        maps = _brought_back(maps, pixels.shape, parts.head)
    maps = tf.reduce_mean(tf.reshape(maps, (len(pixels), -1, *maps.shape[1:])), axis=1)  # over an image's copies
    peak = tf.reduce_max(maps, axis=(1, 2, 3), keepdims=True)
    return tf.math.divide_no_nan(maps, peak)[..., 0]


def _call(operation: Any, inputs: Any) -> Any:
    """Return what a layer or an operation of ``keras.ops`` makes of its inputs, at inference."""
    return infer(operation, inputs) if isinstance(operation, keras.layers.Layer) else operation(inputs)


def _check_classes(indices: npt.NDArray[np.int64] | None, classes: int) -> None:
    if indices is not None and len(indices) and not 0 <= indices.min() <= indices.max() < classes:
        raise ValueError(f"`class_index` must be from 0 to {classes - 1}. Received: {indices.min()} to {indices.max()}")


def _brought_back(maps: tf.Tensor, shape: tuple[int, ...], layers: list[Any]) -> tf.Tensor:
    """Return maps of what layers made of images as maps on the images.

    Moving pixels is linear: its transpose takes every value back to where it came from. Divided by what becomes of a
    map of ones, that is the mean of what came from a place.
    """
    moving = [layer for layer in layers if getattr(layer, "moves", False)]
    if not moving:
        return maps
    start = moved = tf.zeros(shape)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(start)
        for layer in moving:
            moved = layer(moved)
    values = tf.repeat(maps, shape[-1], axis=-1)
    back, times = (tape.gradient(moved, start, each) for each in (values, tf.ones_like(values)))
    if back is None:
        raise ValueError("Maps cannot be brought back through layers that hide where pixels went: gradient='none'")
    return tf.math.divide_no_nan(back, times)[..., :1]
