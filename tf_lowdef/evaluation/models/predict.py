"""Predictions in batches of one fixed size, so that a model is traced once and equal images give equal logits."""

from __future__ import annotations

import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks.batch import pad
from tf_lowdef.defences import BARE, Defence
from tf_lowdef.evaluation.models.draws import Keys, image_keys
from tf_lowdef.layers import is_randomised
from tf_lowdef.layers.compiled import compiled, infer
from tf_lowdef.validation import CHANNELS

Labels = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]
Logits = npt.NDArray[np.float32]
Shares = npt.NDArray[np.float64]

_THREADS = 2
"""Draws that are judged at a time: while one is in Python, or in an operation that keeps one core busy, another goes on
(0.75 to 0.9 of the time on two cores, measured)."""

_TOGETHER = 5
"""Batches of a layer's copies that may be classified at once: the embedded model then takes 0.7 of the time."""


class NonFiniteOutputError(ValueError):
    """A model's output is NaN or infinite.

    Attributes:
        image: The place of the first such image in the batch that was asked about.
    """

    def __init__(self, image: int, count: int) -> None:
        super().__init__(f"The model's output is NaN or infinite for image {image} of a batch of {count}")
        self.image = image


class Predictor:
    """A classifier and a defence in front of it, as a function of uint8 pixels.

    Every batch is padded to `batch_size`, so that the same image goes through the same kernels wherever it stands.
    Randomised layers draw by the image, `seed` and the number of the draw, whatever the batch.

    Args:
        model: From float32 pixels in [0, 255], shape (batch, height, width, 3), to logits.
        batch_size: Images in a forward pass.
        seed: For randomised layers.

    Raises:
        NonFiniteOutputError: A ValueError, from the call.
    """

    def __init__(self, model: Any, batch_size: int = 32, seed: int = 0) -> None:
        self.batch_size = batch_size
        self._model = model
        self._seed = seed
        self._model_draws = is_randomised(model)

    def __call__(self, pixels: Pixels, defence: Defence = BARE, draw: int = 0) -> Logits:
        """Return the logits of uint8 pixels behind a defence: float32, shape (n, classes)."""
        logits = []
        for start in range(0, len(pixels), self.batch_size):
            try:
                logits.append(self._forward(pixels[start : start + self.batch_size], defence, draw))
            except NonFiniteOutputError as error:
                raise NonFiniteOutputError(start + error.image, len(pixels)) from None
        return np.concatenate(logits)

    def correct_shares(
        self, pixels: Pixels, labels: Labels, defence: Defence = BARE, draws: tuple[int, ...] = (0,)
    ) -> Shares:
        """Return in which share of some draws each image is classified correctly: float64, shape (n,).

        Where nothing is drawn one prediction is made, and the shares are 0 or 1.
        """
        if not self.draws(defence):
            draws = draws[:1]

        def judge(context: contextvars.Context, draw: int) -> npt.NDArray[np.bool_]:
            right: npt.NDArray[np.bool_] = context.run(self, pixels, defence, draw).argmax(axis=1) == labels
            return right

        with ThreadPoolExecutor(_THREADS) as pool:
            right = list(pool.map(judge, [contextvars.copy_context() for _ in draws], draws))
        shares: Shares = np.mean(right, axis=0, dtype=np.float64)
        return shares

    def draws(self, defence: Defence = BARE) -> bool:
        """Return whether predictions behind a defence are random."""
        return self._model_draws or defence.randomised

    def keys(self, pixels: Pixels, draw: int = 0) -> Keys:
        """Return the keys that a draw of these uint8 pixels goes by: int64, shape (n, 2)."""
        return image_keys(pixels, self._seed, draw)

    def _forward(self, pixels: Pixels, defence: Defence, draw: int) -> Logits:
        count = len(pixels)
        keys = self.keys(pixels, draw) if self.draws(defence) else np.zeros((count, 2), np.int64)
        defended = np.asarray(defence.apply(pixels, keys), np.float32)
        copies = len(defended) // count
        keys = np.repeat(keys, copies, axis=0)
        size = self.batch_size * max(number for number in range(1, _TOGETHER + 1) if copies % number == 0)
        parts = [
            self._classify(defended[start : start + size], keys[start : start + size], size)
            for start in range(0, len(defended), size)
        ]
        logits: Logits = np.concatenate(parts)
        if not np.isfinite(logits).all():
            image = int(np.argmin(np.isfinite(logits).all(axis=1))) // copies
            raise NonFiniteOutputError(image, count)
        return np.asarray(defence.merge(logits), np.float32)

    def _classify(self, images: Logits, keys: Keys, size: int) -> Logits:
        """Return the bare model's logits of at most `size` float32 images, padded to that."""
        outputs = compiled(self._model, infer, pad(images, size), keys=pad(keys, size), open_axes=0)
        logits: Logits = np.asarray(outputs, np.float32)[: len(images)]
        return logits


def input_size(model: Any) -> tuple[int, int] | None:
    """Return the height and width that a model's input is fixed to, None if they are open.

    Raises:
        ValueError: The model does not take one batch of RGB or grey images.
    """
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[-1] not in (*CHANNELS, None):
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
