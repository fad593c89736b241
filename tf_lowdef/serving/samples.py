"""Sample images, and what the model must answer to them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image

from tf_lowdef.layers import codec_scope
from tf_lowdef.serving.decode import decode_batch
from tf_lowdef.serving.network import CHANNELS, Network, Size
from tf_lowdef.serving.signatures import BYTES_INPUT, BYTES_SIGNATURE, PIXELS_INPUT, PIXELS_SIGNATURE, named_outputs

Pixels = npt.NDArray[np.uint8]
Arrays = dict[str, npt.NDArray[Any]]
Expected = dict[str, tuple[Arrays, Arrays]]
"""Inputs and outputs of each signature, by their names."""

JPEG_QUALITY = 90
OTHER_SIZE = 1.4
"""How much larger the sample is that has to be resized."""

_EXPONENT = -1.0
"""Amplitude against frequency in photographs (Field 1987, doi 10.1364/JOSAA.4.002379)."""
_CONTRAST = 48.0
"""Standard deviation of the picture made from that spectrum, in grey levels."""


def make_samples(size: Size, seed: int = 0) -> Pixels:
    """Make three pictures: noise, a gradient of colours, and one with the spectrum of a photograph.

    Args:
        size: Height and width in pixels.
        seed: The same seed gives the same pictures.

    Returns:
        uint8, shape (3, height, width, 3).
    """
    rng = np.random.default_rng(seed)
    height, width = size
    noise = rng.integers(0, 256, (height, width, CHANNELS))
    rows, columns = np.mgrid[0:height, 0:width]
    down, across = rows / max(height - 1, 1), columns / max(width - 1, 1)
    gradient = np.stack([down, across, (down + across) / 2], axis=-1) * 255
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    frequency[0, 0] = np.inf  # the mean is set below
    spectrum = np.fft.fft2(rng.normal(size=(height, width, CHANNELS)), axes=(0, 1)) * frequency[..., None] ** _EXPONENT
    values = np.fft.ifft2(spectrum, axes=(0, 1)).real
    natural = values / max(values.std(), 1e-9) * _CONTRAST + 128
    pictures = np.stack([noise, gradient, natural])
    samples: Pixels = np.clip(np.rint(pictures), 0, 255).astype(np.uint8)
    return samples


def encode_samples(samples: Pixels) -> list[bytes]:
    """Return the samples as files: each as PNG, each as JPEG, and the last as a larger PNG and JPEG to be resized."""
    last = Image.fromarray(samples[-1])
    larger = last.resize([max(1, round(side * OTHER_SIZE)) for side in last.size], Image.Resampling.BICUBIC)
    pictures = [Image.fromarray(sample) for sample in samples]
    return [
        *(encode(picture, "PNG") for picture in (*pictures, larger)),
        *(encode(picture, "JPEG", quality=JPEG_QUALITY) for picture in (*pictures, larger)),
    ]


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """Return a picture as a file of a kind that Pillow knows."""
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def make_expected(
    network: Network, samples: Pixels, *, names: list[str], probabilities: bool, with_pixels: bool
) -> Expected:
    """Return what both signatures must answer to the samples, computed with the Pillow codec.

    Args:
        network: The model.
        samples: uint8, shape (n, height, width, 3).
        names: One a class.
        probabilities: Whether the network gives probabilities.
        with_pixels: Whether the defended pixels are an output.

    Returns:
        Inputs and outputs by signature.
    """
    files = np.array(encode_samples(samples), dtype=object)
    pixels = samples.astype(np.float32)
    decoded = decode_batch(tf.constant(files), *network.size)

    def answer(images: Any) -> Arrays:
        defended, scores = reference(network, images)
        outputs = named_outputs(
            defended if with_pixels else None, scores, names=tf.constant(names), probabilities=probabilities
        )
        return {name: value.numpy() for name, value in outputs.items()}

    return {
        PIXELS_SIGNATURE: ({PIXELS_INPUT: pixels}, answer(pixels)),
        BYTES_SIGNATURE: ({BYTES_INPUT: files}, answer(decoded)),
    }


def reference(network: Network, pixels: Any) -> tuple[Any, Any]:
    """Return defended pixels (or None) and scores of float32 pixels, with Pillow's codec, as a graph.

    As a graph, because TensorFlow fuses operations there, which moves logits by some 1e-5.
    """
    function = tf.function(network.run, autograph=False)
    with codec_scope("pillow"):
        defended, scores = function(tf.convert_to_tensor(pixels, tf.float32))
    return defended, scores
