"""Carlini and Wagner's L2 attack (2017, section V-D and VI-A), so that success survives rounding to 8 bits."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import numpy as np

from tf_lowdef.attacks.attack import Attack
from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.losses import loss_and_gradient, margin, target_margin
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.attacks.result import WHITE, Bools, Floats, Perturbed
from tf_lowdef.attacks.smallest import Smallest, attack_unfooled
from tf_lowdef.attacks.walk import Tally
from tf_lowdef.validation import check_flag, check_integer, check_number

TANH_SMOOTHER = 0.999999
"""How near to black and white the change of variables comes (Carlini and Wagner 2017, the released code)."""
CONST_FACTOR = 10.0
"""By how much the constant grows until an image is fooled (the released code)."""
SETTLED = 0.5
"""After which part of its steps a value of c is judged. Adam's first steps have one length for every c and every pixel,
and fool by their length alone; a search that counted them would lower c for ever."""
MEAN_DECAY, SQUARE_DECAY, ADAM_EPSILON = 0.9, 0.999, 1e-8
"""Adam's defaults (Kingma and Ba 2015, algorithm 1)."""


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1) on one array."""

    def __init__(self, variable: Floats, learning_rate: float) -> None:
        self.variable = variable
        self._rate, self._time = learning_rate, 0
        self._mean, self._square = np.zeros_like(variable), np.zeros_like(variable)

    def step(self, gradient: Floats) -> None:
        """Go one step down the gradient."""
        self._time += 1
        self._mean += np.float32(1 - MEAN_DECAY) * (gradient - self._mean)
        self._square += np.float32(1 - SQUARE_DECAY) * (gradient**2 - self._square)
        rate = self._rate * np.sqrt(1 - SQUARE_DECAY**self._time) / (1 - MEAN_DECAY**self._time)
        self.variable -= np.float32(rate) * self._mean / (np.sqrt(self._square) + np.float32(ADAM_EPSILON))


@dataclass(frozen=True)
class CW(Attack):
    """Carlini and Wagner's L2 attack (2017): the squared norm plus c times the margin, by Adam in tanh space.

    Images are optimised in [0, 1]; c is searched for each image. With `survive_rounding` the classifier is asked at the
    rounded image in every step, and its gradient there is the step's, while the unrounded image moves: the same pass
    judges the point. The nearest point that fools is the result. Images that are misclassified already, and those that
    no point fools, come back unchanged.

    Args:
        steps: Adam's steps for one c, each a forward and a backward pass.
        binary_search_steps: How many values of c are tried.
        learning_rate: Adam's.
        confidence: By how much the wrong logit has to stand above the others, the paper's kappa.
        initial_const: The first c.
        survive_rounding: Whether success has to hold for the rounded image.
        targeted: Whether a target class is to be predicted; see `Attack`.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import CW
        >>> model, images, labels = load_demo()
        >>> result = CW(steps=5)(model, images[:4], labels[:4])
        >>> result.images.shape, bool(result.success.any())
        ((4, 96, 96, 3), True)
    """

    name: ClassVar[str] = "cw"
    norm: ClassVar[str] = "L2"
    loss: ClassVar[str] = "margin"
    minimal_norm: ClassVar[bool] = True
    needs_logits: ClassVar[bool] = True

    steps: int = 100
    binary_search_steps: int = 9
    learning_rate: float = 0.01
    confidence: float = 0.0
    initial_const: float = 0.01
    survive_rounding: bool = True
    targeted: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        check_integer("steps", self.steps, 1)
        check_integer("binary_search_steps", self.binary_search_steps, 1)
        for name in ("learning_rate", "confidence", "initial_const"):
            check_number(name, getattr(self, name), 0)
        check_flag("survive_rounding", self.survive_rounding)
        check_flag("targeted", self.targeted)

    def run(self, model_fn: ModelFn, batch: PaddedBatch) -> Perturbed:
        """Attack one batch; see `Attack.run`."""
        return attack_unfooled(batch, partial(self._search, model_fn))

    def _search(self, model_fn: ModelFn, batch: PaddedBatch, tally: Tally) -> Floats:
        """Return the nearest images that fool, over all values of c."""
        smallest = Smallest(batch.pixels)
        low = np.zeros(len(batch.pixels))
        high, const = np.full_like(low, np.inf), np.full_like(low, self.initial_const)
        for _ in range(self.binary_search_steps):
            fooled = self._descend(model_fn, batch, const.astype(np.float32), smallest, tally)
            low, high = np.where(fooled, low, const), np.where(fooled, const, high)
            known = np.isfinite(high)
            const = np.where(known, (low + np.where(known, high, 0)) / 2, const * CONST_FACTOR)
        return smallest.images

    def _descend(self, model_fn: ModelFn, batch: PaddedBatch, const: Floats, smallest: Smallest, tally: Tally) -> Bools:
        """Minimise for one value of c an image; return which images it fooled once it had settled."""
        function = loss_and_gradient(target_margin if self.targeted else margin)
        clean = batch.pixels / np.float32(WHITE)
        adam = Adam(np.arctanh((2 * clean - 1) * np.float32(TANH_SMOOTHER)), self.learning_rate)
        ever: Bools = np.zeros(len(clean), bool)
        for step in range(self.steps):
            tanh = np.tanh(adam.variable)
            inside = (tanh + 1) / 2
            points: Floats = np.rint(inside * WHITE) if self.survive_rounding else np.clip(inside * WHITE, 0, WHITE)
            logits, margins, gradient = model_fn.compiled(function, points, batch.labels, batch.aim)
            gap = margins.numpy()
            fools = batch.fooled(logits.numpy().argmax(axis=1)) & (gap >= self.confidence)
            smallest.offer(points, fools)
            if step >= self.steps * SETTLED:
                ever |= fools
            weight = np.where(gap > self.confidence, 0, const * WHITE).astype(np.float32).reshape(-1, 1, 1, 1)
            slope = 2 * (inside - clean) - weight * tally.gradient(gradient)
            adam.step(slope * (1 - tanh**2) / 2)
            tally.steps += 1
        return ever
