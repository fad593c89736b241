"""Grad-CAM: which parts of an image speak for a class."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.evaluation.models.draws import Keys, image_keys
from tf_lowdef.layers import MeanOfCopies, draw_scope

Maps = npt.NDArray[np.float32]

_BATCH = 32


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
) -> Maps:
    """Return the Grad-CAM maps of images (Selvaraju et al. 2017, section 3).

    Each map is the feature maps of the last convolutional stage, weighted by the mean gradient of one class' score with
    respect to them, summed, cut off below zero (equations 1 and 2), and resized bilinearly to the image.

    Args:
        model: A Keras classifier from RGB pixels, such as ``load_application`` or ``defend`` gives. It may be a
            ``Sequential`` of layers and one network, nested at any depth. Scores should be logits; of several copies of
            an image their mean is explained.
        images: uint8 or float, shape (n, height, width, 3), in the model's range.
        class_index: The class whose score is explained: an integer, or integers of shape (n,); None means the one that
            the model predicts.
        layer: The name of the layer whose output holds the features; None means the last one with an output of
            (batch, rows, columns, channels) and more than one place in it, pooling left out.
        align: Whether the maps of moved images are brought back, so that they lie on `images`, by every layer of this
            package in front of the network that moves pixels: flips, shifts, crops, padding. Of several crops of an
            image a pixel has the mean of those it is in.
        keys: int64, shape (n, 2): what randomised layers draw by, as in ``draw_scope``; None makes them of the images.

    Returns:
        float32, shape (n, height, width), in [0, 1]: divided by the maximum of each map. A map without any positive
        evidence is 0 everywhere.

    Raises:
        TypeError: `model` is no Keras model, or `class_index` holds no integers.
        ValueError: A shape or class is wrong, or the model has no such layer.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a Keras model. Received: {type(model).__name__}")
    pixels = np.asarray(images)
    if pixels.ndim != 4 or pixels.shape[3] != 3:
        raise ValueError(f"`images` must have the shape (n, height, width, 3). Received: shape={pixels.shape}")
    if not model.built:
        model(pixels[:1])
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
    """Find the features, in the model itself or in a network nested in it."""
    own = [each for each in model.layers if not isinstance(each, keras.layers.InputLayer)]
    networks = [each for each in own if isinstance(each, keras.Model)]
    if not networks:
        found = _feature_layer(model, own, name)
        return _Parts([], keras.Model(model.inputs[0], [found.output, model.outputs[0]]), [])
    if not isinstance(model, keras.Sequential) or len(networks) > 1:
        raise ValueError(
            "Grad-CAM needs a flat model, or a Sequential with one network in it. "
            f"Received: {model.name!r} with {', '.join(each.name for each in networks)}"
        )
    place = own.index(networks[0])
    inner = _take_apart(networks[0], name)
    return _Parts([*own[:place], *inner.head], inner.network, [*inner.tail, *own[place + 1 :]])


def _feature_layer(model: Any, layers: list[Any], name: str | None) -> Any:
    for layer in reversed(layers):
        if layer.name == name if name is not None else _has_places(layer):
            return layer
    what = "no layer with features of (rows, columns, channels)" if name is None else f"no layer {name!r}"
    raise ValueError(f"Grad-CAM cannot explain {model.name!r}: it has {what}")


def _has_places(layer: Any) -> bool:
    shape = getattr(layer.output, "shape", ())
    pooled = isinstance(layer, keras.layers.MaxPooling2D | keras.layers.AveragePooling2D)
    return len(shape) == 4 and None not in shape[1:3] and max(shape[1:3]) > 1 and not pooled


def _maps(parts: _Parts, pixels: npt.NDArray[Any], indices: npt.NDArray[np.int64] | None, align: bool) -> tf.Tensor:
    seen = tf.convert_to_tensor(pixels)
    if not parts.head:
        seen = tf.cast(seen, tf.float32)
    for layer in parts.head:
        seen = layer(seen, training=False)
    with tf.GradientTape() as tape:
        tape.watch(seen)  # or frozen weights would leave nothing to follow
        features, scores = parts.network(seen, training=False)
        for layer in parts.tail:
            if isinstance(layer, MeanOfCopies):  # of logits: where a probability is one, it has no slope
                scores = tf.reduce_mean(tf.reshape(scores, (len(pixels), layer.copies, scores.shape[1])), axis=1)
            else:
                scores = layer(scores)
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
