"""FAB-T: minimal perturbations along the decision boundary, class by class (Croce and Hein 2020)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import numpy as np

from tf_lowdef.attacks.attack import Attack
from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.losses import logit_gap, loss_and_gradient
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.attacks.planes import to_plane
from tf_lowdef.attacks.randomness import generator
from tf_lowdef.attacks.result import WHITE, Floats, Perturbed
from tf_lowdef.attacks.smallest import Smallest, attack_unfooled
from tf_lowdef.attacks.targets import aim_at, count_targets
from tf_lowdef.attacks.walk import Tally
from tf_lowdef.bounds import L2, LINF
from tf_lowdef.validation import check_flag, check_integer, check_number

RESTART = 0.5
"""How far from the clean image a restart begins, as a part of the smallest norm so far (section 2.3)."""
REACH = {LINF: 8.0, L2: 0.5 * WHITE}
"""The most of that norm, in grey levels, and what stands for it where nothing has fooled yet: CIFAR-10's epsilons, as
in the released code."""
LEAST_STEP = 1e-8
"""The least norm of a projection (the released code)."""


@dataclass(frozen=True)
class FAB(Attack):
    """Fast adaptive boundary attack, targeted (Croce and Hein 2020, "Minimally distorted adversarial examples").

    For each of the likeliest wrong classes in turn: the boundary to it is linearised; the point, and the clean image,
    are projected onto that hyperplane inside the box; the next point lies between both, nearer to the clean image the
    nearer this one is to the plane, and a little beyond. A point that fools is kept if it is the nearest so far, and
    the walk goes back towards the clean image. Any wrong class is a success. With `survive_rounding` the boundary is
    linearised at the rounded image, and the rounded image has to fool, while the point moves unrounded. Images that are
    misclassified already, and those that no point fools, come back unchanged.

    Args:
        steps: For one class; each is a forward and a backward pass, and one more forward pass.
        restarts: How often all classes are tried, after the first time from random points.
        classes: How many of the likeliest wrong ones; all where the model has fewer.
        alpha_max: The most weight that the clean image's projection gets, the paper's.
        eta: How far beyond the plane a step goes, 1 or more; the paper's.
        beta: The part of a perturbation that is kept in going back, above 0 and below 1; the paper's.
        survive_rounding: Whether success has to hold for the rounded image.
        norm: ``"linf"`` or ``"l2"``: which is to be smallest.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import FAB
        >>> model, images, labels = load_demo()
        >>> result = FAB(steps=5)(model, images[:4], labels[:4])
        >>> result.success.tolist()
        [True, True, True, True]
    """

    name: ClassVar[str] = "fab"
    loss: ClassVar[str] = "logit difference"
    minimal_norm: ClassVar[bool] = True
    needs_logits: ClassVar[bool] = True

    steps: int = 100
    restarts: int = 1
    classes: int = 9
    alpha_max: float = 0.1
    eta: float = 1.05
    beta: float = 0.9
    survive_rounding: bool = True
    norm: str = field(default=LINF, kw_only=True)

    def __post_init__(self) -> None:
        self.check_bound()
        for name in ("steps", "restarts", "classes"):
            check_integer(name, getattr(self, name), 1)
        check_number("alpha_max", self.alpha_max, 0, 1)
        check_number("eta", self.eta, 1)
        check_number("beta", self.beta, 0, 1, above=True)
        check_flag("survive_rounding", self.survive_rounding)

    def run(self, model_fn: ModelFn, batch: PaddedBatch) -> Perturbed:
        """Attack one batch; see `Attack.run`."""
        return attack_unfooled(batch, partial(self._search, model_fn))

    def _search(self, model_fn: ModelFn, batch: PaddedBatch, tally: Tally) -> Floats:
        """Return the nearest images that fool, over all classes and restarts."""
        smallest = Smallest(batch.pixels, self.norm)
        targets = count_targets(batch, self.classes)
        for number in range(self.restarts * targets):
            start = self._start(batch, smallest, number) if number >= targets else batch.pixels
            self._walk(model_fn, batch, aim_at(batch, number % targets), start, smallest, tally)
        return smallest.images

    def _start(self, batch: PaddedBatch, smallest: Smallest, number: int) -> Floats:
        """Return random points around the clean images, half as far as what has fooled them."""
        points = batch.pixels.copy()
        for point, norm in zip(points, np.minimum(smallest.levels, REACH[self.norm]), strict=True):
            draw = generator(point, batch.seed, f"fab {number}")
            noise = draw.uniform(-1, 1, point.shape) if self.norm == LINF else draw.standard_normal(point.shape)
            point += (RESTART * norm / _sizes(noise[None], self.norm)[0] * noise).astype(np.float32)
        return np.clip(points, 0, WHITE)

    def _walk(
        self,
        model_fn: ModelFn,
        batch: PaddedBatch,
        aimed: PaddedBatch,
        start: Floats,
        smallest: Smallest,
        tally: Tally,
    ) -> None:
        """Walk along the boundary to one class an image (algorithm 1)."""
        clean, here = batch.pixels, start.copy()
        function = loss_and_gradient(logit_gap)
        for _ in range(self.steps):
            at = self._asked(here)
            _, gaps, gradient = model_fn.compiled(function, at, aimed.labels, aimed.aim)
            normal = tally.gradient(gradient)
            gap = np.nan_to_num(gaps.numpy())
            mine = to_plane(at, normal, -gap, self.norm)
            beyond = ((at - clean) * normal).reshape(len(at), -1).sum(axis=1, dtype=np.float64) - gap
            theirs = to_plane(clean, normal, beyond, self.norm)
            sizes = [np.maximum(_sizes(change, self.norm), LEAST_STEP) for change in (mine, theirs)]
            alpha = np.minimum(sizes[0] / (sizes[0] + sizes[1]), self.alpha_max).reshape(-1, 1, 1, 1)
            eta = np.float32(self.eta)
            here = ((here + eta * mine) * (1 - alpha) + (clean + eta * theirs) * alpha).astype(np.float32)
            here = np.clip(here, 0, WHITE)
            points = self._asked(here)
            fools = batch.fooled(model_fn.logits(points).argmax(axis=1))
            tally.queries += 1
            tally.steps += 1
            smallest.offer(points, fools)
            here[fools] = clean[fools] + np.float32(self.beta) * (here[fools] - clean[fools])

    def _asked(self, points: Floats) -> Floats:
        return np.rint(points) if self.survive_rounding else points


def _sizes(changes: Floats, norm: str) -> Floats:
    """Return norms in grey levels, (n,)."""
    flat = abs(changes).reshape(len(changes), -1)
    found: Floats = flat.max(axis=1) if norm == LINF else np.sqrt(np.square(flat).sum(axis=1))
    return found
