"""A defended model as TensorFlow Serving reads it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import features

from tf_lowdef.attacks.model_fn import are_probabilities
from tf_lowdef.keras_compat import all_layers
from tf_lowdef.models import load_model
from tf_lowdef.serving.expected import LOGITS_TOLERANCE, write_expected
from tf_lowdef.serving.graph_ops import layer_of, unservable
from tf_lowdef.serving.layout import check_free, check_version, model_name, new_version, write_config
from tf_lowdef.serving.network import CHANNELS, Network, take_apart
from tf_lowdef.serving.readme import write_readme
from tf_lowdef.serving.samples import Expected, Pixels, make_expected, make_samples, reference
from tf_lowdef.serving.saved_model import read_meta_graph
from tf_lowdef.serving.signatures import DEFENDED, INPUTS, LOGITS, TOP, Serving
from tf_lowdef.serving.warmup import write_warmup


def export(
    model: Any,
    path: str | os.PathLike[str],
    version: int = 1,
    *,
    class_names: Sequence[str] | None = None,
    samples: npt.ArrayLike | None = None,
    defended_pixels: bool = True,
    seed: int = 0,
) -> Path:
    """Write a defended model as TensorFlow Serving reads it, and check that it answers as the model here does.

    The model is traced with WebP in stock TensorFlow operations, whatever codec its layers have; the model itself stays
    as it is. Signatures and outputs are those of :class:`~tf_lowdef.serving.signatures.Serving`, decoding is that
    of :func:`~tf_lowdef.serving.decode.decode_batch`.

    ``PATH/VERSION`` gets the SavedModel, warm-up requests and the expected answers to the samples (for
    ``tf-lowdef serve-check``); ``PATH`` gets ``models.config`` and ``README.md``, unless there are such files of
    somebody else's. The version appears under its name only when it is whole.

    Args:
        model: A Keras model from RGB pixels in [0, 255], shape (batch, height, width, 3) with static height and width,
            to logits or probabilities (batch, classes), or a ``.keras`` file. The defence is the image layers that a
            ``keras.Sequential`` begins with; in another model it is exported too, but ``defended_pixels`` is left out
            and only logits are compared.
        path: Folder of the model; its name is the served model's.
        version: From 1. Others in the folder are left alone.
        class_names: One a class; None means their indices.
        samples: Images to check on, uint8 or whole numbers, shape (n, height, width, 3), RGB in [0, 255]; None means
            noise, a gradient and a picture with the spectrum of a photograph.
        defended_pixels: Whether the pixels behind the defence are an output.
        seed: Of the pictures that are made.

    Returns:
        The folder of the version.

    Raises:
        FileExistsError: The version is there already.
        FileNotFoundError: There is no such ``.keras`` file.
        NotADirectoryError: `path` is a file.
        OSError: The folder cannot be written to.
        TypeError: `model` is no Keras model.
        ValueError: An argument does not fit, the model cannot be exported (its WebP is lossless or of method 5 or 6;
            its size is unknown; it calls into Python, or uses an operation that TensorFlow 2.16 lacks), or the graph
            does not answer as the model does.
    """
    root = Path(path)
    model_name(root)
    check_free(root, check_version(version))
    images = None if samples is None else _check_samples(samples)
    network = take_apart(
        load_model(model) if isinstance(model, (str, os.PathLike)) else model,
        None if images is None else (int(images.shape[1]), int(images.shape[2])),
    )
    images = make_samples(network.size, seed) if images is None else images
    scores = _reference_scores(network, images)
    names = _class_names(class_names, scores.shape[1])
    probabilities = are_probabilities(scores)
    serving = Serving(network, names, probabilities, defended_pixels)
    signatures = serving.signatures()
    for function in signatures.values():
        _check_ops(network, function.graph.as_graph_def())
    with_pixels = DEFENDED in serving.output_names
    expected = make_expected(network, images, names=names, probabilities=probabilities, with_pixels=with_pixels)
    _check_answers(network, signatures, expected)
    with new_version(root, version) as folder:
        tf.saved_model.save(serving.module, str(folder), signatures=signatures)
        _check_ops(network, read_meta_graph(folder).graph_def)
        write_warmup(folder, model_name(root), expected)
        write_expected(folder, expected)
    write_config(root)
    top = min(TOP, len(names))
    write_readme(root, network, classes=len(names), top=top, probabilities=probabilities, pixels=with_pixels)
    return root / str(version)


def _check_samples(samples: npt.ArrayLike) -> Pixels:
    array = np.asarray(samples)
    if array.ndim != 4 or array.shape[3] != CHANNELS or 0 in array.shape:
        raise ValueError(f"`samples` must have the shape (n, height, width, {CHANNELS}). Received: shape={array.shape}")
    if array.min() < 0 or array.max() > 255 or (array != np.rint(array)).any():
        raise ValueError("`samples` must be whole numbers from 0 to 255, RGB pixels. Received: others")
    pixels: Pixels = array.astype(np.uint8)
    return pixels


def _reference_scores(network: Network, images: Pixels) -> npt.NDArray[np.float32]:
    scores = reference(network, images)[1]
    if scores.shape.rank != 2 or scores.shape[1] is None:
        raise ValueError(
            "A model to serve must return one row of class scores an image, shape (batch, classes). "
            f"Received: shape={tuple(scores.shape)} from {network.model.name!r}"
        )
    values: npt.NDArray[np.float32] = scores.numpy()
    return values


def _class_names(class_names: Sequence[str] | None, classes: int) -> list[str]:
    if class_names is None:
        return [str(index) for index in range(classes)]
    if isinstance(class_names, str) or not all(isinstance(name, str) for name in class_names):
        raise TypeError(f"`class_names` must be a sequence of strings. Received: {class_names!r:.80}")
    if len(class_names) != classes:
        raise ValueError(f"`class_names` must be {classes}, one a class. Received: {len(class_names)}")
    return list(class_names)


def _check_ops(network: Network, graph_def: Any) -> None:
    """Raise ValueError for an operation that a server could not run, and name the layer that brought it."""
    found = unservable(graph_def)
    if found:
        first = found[0]
        layer = layer_of(first.path, (each.name for each in all_layers(network.model)))
        origin = f"layer {layer!r}" if layer else f"node {first.path!r}"
        raise ValueError(
            f"{network.model.name!r} cannot be served: {origin} uses {first.op}, which {first.why}. Leave it out of "
            "the model to serve, or build it of stock TensorFlow operations (a WebPLayer in a tf.function of your own "
            "that was called before keeps Pillow there: give it codec='graph')"
        )


def _check_answers(network: Network, signatures: dict[str, Any], expected: Expected) -> None:
    """Raise ValueError where the graph does not answer as the model does with Pillow's codec."""
    for name, (inputs, outputs) in expected.items():
        given = tf.constant(inputs[INPUTS[name]])
        answers = {key: value.numpy() for key, value in signatures[name](given).items()}
        again = signatures[name](given)[LOGITS].numpy()
        if not np.abs(again - answers[LOGITS]).max() <= LOGITS_TOLERANCE:  # seeded, the first call may agree by chance
            raise ValueError(
                f"The graph of {network.model.name!r} answers the same images otherwise from call to call: a layer in "
                "it is random. Export a model without it"
            )
        if DEFENDED in outputs:
            differ = int((answers[DEFENDED] != outputs[DEFENDED]).sum())
            if differ:
                raise ValueError(_differs(network, name, f"{differ} of {outputs[DEFENDED].size} pixel values differ"))
        distance = float(np.abs(answers[LOGITS] - outputs[LOGITS]).max())
        if not distance <= LOGITS_TOLERANCE:
            raise ValueError(_differs(network, name, f"logits are up to {distance:.2g} apart"))


def _differs(network: Network, signature: str, what: str) -> str:
    height, width = network.size
    return (
        f"The graph of {network.model.name!r} ({signature}, {height}x{width}) does not answer as the model does with "
        f"Pillow's codec: {what}. The codec in the graph is libwebp 1.6.0's; Pillow here has libwebp "
        f"{features.version_module('webp')}"
    )
