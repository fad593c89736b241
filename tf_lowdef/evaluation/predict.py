"""Predictions in batches of one fixed size, so that a model is traced once and equal images give equal logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Pixels = npt.NDArray[np.uint8]
Logits = npt.NDArray[np.float32]


class Predictor:
    """A classifier and the layers in front of it, as a function of uint8 pixels.

    Every batch is padded to `batch_size`, so that the same image goes through the same kernels wherever it stands.

    Args:
        model: From float32 pixels in [0, 255], shape (batch, height, width, 3), to logits.
        batch_size: Images in a forward pass.

    Raises:
        ValueError: From the call, for logits that are NaN or infinite.
    """

    def __init__(self, model: Any, batch_size: int = 32) -> None:
        self.batch_size = batch_size
        self._model = tf.function(lambda pixels: model(tf.cast(pixels, tf.float32), training=False))

    def __call__(self, pixels: Pixels, layers: tuple[Any, ...] = ()) -> Logits:
        """Return the logits of uint8 pixels that have gone through `layers`: float32, shape (n, classes)."""
        logits = [
            self._forward(pixels[start : start + self.batch_size], layers)
            for start in range(0, len(pixels), self.batch_size)
        ]
        return np.concatenate(logits)

    def _forward(self, pixels: Pixels, layers: tuple[Any, ...]) -> Logits:
        count = len(pixels)
        images: Any = pixels
        for layer in layers:
            images = layer(images)
        padding = [(0, self.batch_size - count), (0, 0), (0, 0), (0, 0)]
        outputs = self._model(np.pad(np.asarray(images, np.float32), padding, mode="edge"))
        logits: Logits = np.asarray(outputs, np.float32)[:count]
        if not np.isfinite(logits).all():
            image = int(np.argmin(np.isfinite(logits).all(axis=1)))
            raise ValueError(f"The model's output is NaN or infinite for image {image} of a batch of {count}")
        return logits


def input_size(model: Any) -> tuple[int, int] | None:
    """Return the height and width that a model's input is fixed to, None if they are open.

    Raises:
        ValueError: The model does not take one batch of RGB images.
    """
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[-1] not in (3, None):
        raise ValueError(
            f"The model must take images of shape (batch, height, width, 3). Received: input_shape={shape}"
        )
    height, width = shape[1:3]
    return None if height is None or width is None else (int(height), int(width))


def class_count(model: Any) -> int:
    """Return how many classes a model tells apart.

    Raises:
        ValueError: Its output is not one vector of class scores an image.
    """
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[-1] is None or shape[-1] < 2:
        raise ValueError(
            f"The model must give class scores of shape (batch, classes), two or more. Received: output_shape={shape}"
        )
    return int(shape[-1])
