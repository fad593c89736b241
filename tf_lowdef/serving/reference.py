"""What a server must answer: the user's own model, called eagerly on its own scale, on what Pillow decodes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image

from tf_lowdef.files import to_rgb
from tf_lowdef.layers import codec_scope
from tf_lowdef.serving.network import Network, Size, call_whole, one_output
from tf_lowdef.serving.own_scale import to_probabilities
from tf_lowdef.serving.samples import Arrays, Expected, Pixels
from tf_lowdef.serving.signatures import (
    BYTES_INPUT,
    BYTES_SIGNATURE,
    DEFENDED,
    LOGITS,
    PIXELS_INPUT,
    PIXELS_SIGNATURE,
    PROBABILITIES,
    TOP,
    TOP_CLASSES,
    TOP_NAMES,
    VALID,
)

Floats = npt.NDArray[np.float32]


def make_expected(
    network: Network,
    samples: Pixels,
    files: list[bytes],
    *,
    names: list[str],
    sigmoids: bool,
    with_pixels: bool,
    with_valid: bool,
) -> Expected:
    """Return what both signatures must answer.

    Nothing of the export is used for it, so that no mistake there can agree with itself: files are decoded and resized
    by Pillow, the defence encodes with Pillow, the model is called as its owner calls it.

    Args:
        network: The model.
        samples: uint8, shape (n, height, width, 3), sent as pixels.
        files: Whole image files of any size, sent as bytes.
        names: One a class.
        sigmoids: Whether each logit is one class' against the rest.
        with_pixels: Whether the defended pixels are an output.
        with_valid: Whether there is an output of which images are good.

    Returns:
        Inputs and outputs by signature.
    """
    contents = np.empty(len(files), dtype=object)
    contents[:] = files

    def answer(images: Floats) -> Arrays:
        defended, scores = reference(network, images)
        outputs = _outputs(scores, names, sigmoids)
        if with_pixels and defended is not None:
            outputs[DEFENDED] = defended
        if network.gate is not None:
            with codec_scope("pillow"):
                outputs |= {name: each.numpy() for name, each in network.gate(images).items() if name != LOGITS}
        if with_valid:
            outputs[VALID] = np.ones(len(images), np.bool_)
        return outputs

    pixels = samples.astype(np.float32)
    return {
        PIXELS_SIGNATURE: ({PIXELS_INPUT: pixels}, answer(pixels)),
        BYTES_SIGNATURE: ({BYTES_INPUT: contents}, answer(read_files(files, network.size))),
    }


def read_files(files: list[bytes], size: Size) -> Floats:
    """Decode files with Pillow, upright and on white, and resize them, bicubic; float32, (n, height, width, 3)."""
    height, width = size
    pictures = []
    for content in files:
        with Image.open(BytesIO(content)) as image:
            picture = Image.fromarray(to_rgb(image))
        pictures.append(np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC)))
    return np.stack(pictures).astype(np.float32)


def reference(network: Network, pixels: Floats) -> tuple[Floats | None, Floats]:
    """Return defended pixels (or None) and scores of pixels in [0, 255], by the model itself, with Pillow's codec."""
    images = pixels.astype(np.float32)
    model = network.model
    with codec_scope("pillow"):
        defended = _through(network.head, images)
        if network.head and not model.built:  # which it is to stay
            scores = one_output(model, _through(network.body, defended))
        else:
            scores = call_whole(model, images)
    scores = tf.cast(scores, tf.float32).numpy()
    return (tf.cast(defended, tf.float32).numpy() if network.head else None), scores


def _through(layers: tuple[Any, ...], images: Any) -> Any:
    for layer in layers:
        images = layer(images, training=False)
    return images


def _outputs(scores: Floats, names: list[str], sigmoids: bool) -> Arrays:
    top = np.argsort(-scores, axis=1, kind="stable")[:, : min(TOP, len(names))].astype(np.int32)
    named = np.array([name.encode() for name in names], dtype=object)[top]
    return {
        PROBABILITIES: to_probabilities(scores, sigmoids),
        LOGITS: scores,
        TOP_CLASSES: top,
        TOP_NAMES: named,
    }
