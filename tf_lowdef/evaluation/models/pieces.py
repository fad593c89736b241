"""A model that is asked about more images than go through it at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks.losses import evaluate_loss, loss_and_gradient, margin
from tf_lowdef.attacks.model_fn import ModelFn

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


class InPieces:
    """A model's scores and gradients, some images at a time: whoever asks for small batches has little memory.

    Args:
        model_fn: The model.
        size: Images in a pass.
    """

    def __init__(self, model_fn: ModelFn, size: int) -> None:
        self._model_fn, self.size = model_fn, size

    @property
    def draws(self) -> bool:
        """Whether another call may give other scores."""
        return self._model_fn.draws

    def logits(self, points: Floats) -> Floats:
        """Return the scores of float32 pixels, (n, classes)."""
        return self._joined(self._model_fn.logits, points)

    def margins(self, points: Floats, labels: Labels) -> Floats:
        """Return how far the best wrong score stands above the true one, (n,)."""
        return evaluate_loss(margin, self.logits(points), labels, labels)

    def gradients(self, points: Floats, labels: Labels) -> Floats:
        """Return the gradient of the margin, of the points' shape; zero where it is not finite."""
        return self._joined(self._gradient, points, labels)

    def _gradient(self, points: Floats, labels: Labels) -> Floats:
        _, _, gradient = self._model_fn.compiled(loss_and_gradient(margin), points, labels, labels)
        found: Floats = np.nan_to_num(np.asarray(gradient), posinf=0.0, neginf=0.0)
        return found

    def _joined(self, ask: Callable[..., Floats], *arrays: npt.NDArray[Any]) -> Floats:
        starts = range(0, len(arrays[0]), self.size)
        return np.concatenate([ask(*(array[start : start + self.size] for array in arrays)) for start in starts])
