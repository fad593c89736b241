"""FGSM, BIM, PGD and MIM in the L-infinity norm, over cleverhans.tf2, in grey levels on [0, 255].

Of cleverhans' attacks these run on current TensorFlow (its CarliniWagner and SPSA do not).
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from cleverhans.tf2.attacks import momentum_iterative_method as mim
from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method
from cleverhans.tf2.utils import clip_eta, compute_gradient

from tf_lowdef.attacks.attack import Attack, Batch
from tf_lowdef.attacks.checks import check_integer, check_number
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.attacks.result import WHITE, Floats, Found

BIM_STEP = 0.25
"""BIM's default step as a part of epsilon: ten steps reach every corner of the box two and a half times."""
PGD_REACH = 2.5
"""PGD's default steps in all, as a multiple of epsilon (Madry et al. 2018, the released CIFAR-10 challenge)."""

CROSS_ENTROPY = tf.nn.sparse_softmax_cross_entropy_with_logits


@dataclass(frozen=True)
class GradientSign(Attack):
    """What the sign-of-gradient attacks share: epsilon, the loss, the check that there is a gradient."""

    norm: ClassVar[str] = "Linf"
    loss: ClassVar[str] = "cross-entropy"
    loss_fn: ClassVar[Callable[..., Any]] = staticmethod(CROSS_ENTROPY)

    epsilon: float = 4.0

    def __post_init__(self) -> None:
        check_number("epsilon", self.epsilon, WHITE)

    def run(self, model_fn: ModelFn, batch: Batch) -> Found:
        """Attack one batch; see `Attack.run`."""
        x, y = tf.convert_to_tensor(batch.pixels), tf.convert_to_tensor(batch.labels)
        self._check_gradient(model_fn, x, y)
        start = tf.convert_to_tensor(self.start(batch))
        adversarial = self.perturb(model_fn, x, start, y)
        # A sign attack that never leaves its start has met gradients of zero only, or none that is a number.
        still = tf.equal(adversarial, start) | ~tf.math.is_finite(adversarial)
        stuck = tf.reduce_all(still, axis=[1, 2, 3]).numpy()
        steps = np.full(len(batch.pixels), getattr(self, "steps", 1), np.int64)
        return Found(adversarial.numpy(), steps, steps, stuck)

    @abstractmethod
    def perturb(self, model_fn: ModelFn, x: Any, start: Any, y: Any) -> Any:
        """Return the adversarial images of `x`, walking from `start`; float32 tensors in [0, 255]."""

    def start(self, batch: Batch) -> Floats:
        """Return where the walk begins: the clean images."""
        return batch.pixels

    def _check_gradient(self, model_fn: ModelFn, x: Any, y: Any) -> None:
        """Trace cleverhans' gradient, as the attack is about to, and refuse a model that has none."""
        traced = compute_gradient.get_concrete_function(model_fn, self.loss_fn, x, y, False)
        if traced.structured_outputs is None:
            raise ValueError(
                f"The model gives no gradient, so {type(self).__name__} cannot attack it. A layer in it has no "
                "derivative (a stopped gradient, a Python function); use one with a straight-through gradient"
            )


@dataclass(frozen=True)
class FGSM(GradientSign):
    """Fast gradient sign method (Goodfellow et al. 2015, section 4): one step of epsilon.

    Args:
        epsilon: L-infinity bound in grey levels, 0 to 255.
    """

    name: ClassVar[str] = "fgsm"

    def perturb(self, model_fn: ModelFn, x: Any, start: Any, y: Any) -> Any:  # noqa: ARG002 - starts at x
        """Return the adversarial images; see `GradientSign.perturb`."""
        return fast_gradient_method(model_fn, start, self.epsilon, np.inf, clip_min=0.0, clip_max=WHITE, y=y)

    @property
    def actual_step_size(self) -> float:
        """The step in grey levels."""
        return self.epsilon


@dataclass(frozen=True)
class IterativeSign(GradientSign):
    """What the iterative sign attacks share: a step size and a number of steps.

    The steps are cleverhans' own `fast_gradient_method` and projection, in the order of its
    `projected_gradient_descent`, which itself takes no start and no seed, and asserts where a step exceeds epsilon.
    """

    step_size: float | None = None
    steps: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("steps", self.steps, 1)
        if self.step_size is not None:
            check_number("step_size", self.step_size, WHITE)

    @property
    def actual_step_size(self) -> float:
        """The step in grey levels, with the default filled in."""
        return self.epsilon * BIM_STEP if self.step_size is None else self.step_size

    def perturb(self, model_fn: ModelFn, x: Any, start: Any, y: Any) -> Any:
        """Return the adversarial images; see `GradientSign.perturb`."""
        box = {"clip_min": 0.0, "clip_max": WHITE}
        adversarial = start
        for _ in range(self.steps):
            stepped = fast_gradient_method(model_fn, adversarial, self.actual_step_size, np.inf, y=y, **box)
            adversarial = tf.clip_by_value(x + clip_eta(stepped - x, np.inf, self.epsilon), 0.0, WHITE)
        return adversarial


@dataclass(frozen=True)
class BIM(IterativeSign):
    """Basic iterative method (Kurakin et al. 2017, section 2.2): steps of FGSM from the clean image.

    Args:
        epsilon: L-infinity bound in grey levels, 0 to 255.
        step_size: In grey levels; None is epsilon / 4.
        steps: How many.
    """

    name: ClassVar[str] = "bim"


@dataclass(frozen=True)
class PGD(IterativeSign):
    """Projected gradient descent (Madry et al. 2018, section 2.1): BIM from a random start.

    The start is uniform in the epsilon ball and drawn from the seed and the image's own pixels, so that it does not
    depend on the batch or on the image's place in it.

    Args:
        epsilon: L-infinity bound in grey levels, 0 to 255.
        step_size: In grey levels; None is 2.5 epsilon / steps.
        steps: How many.
    """

    name: ClassVar[str] = "pgd"

    steps: int = 40

    @property
    def actual_step_size(self) -> float:
        """The step in grey levels, with the default filled in."""
        return PGD_REACH * self.epsilon / self.steps if self.step_size is None else self.step_size

    def start(self, batch: Batch) -> Floats:
        """Return a random point of each image's epsilon ball, inside the box."""
        noise = [
            _generator(image, batch.seed).uniform(-self.epsilon, self.epsilon, image.shape) for image in batch.pixels
        ]
        return np.clip(batch.pixels + np.asarray(noise, np.float32), 0, WHITE)


@dataclass(frozen=True)
class MIM(IterativeSign):
    """Momentum iterative method (Dong et al. 2018, algorithm 1).

    Args:
        epsilon: L-infinity bound in grey levels, 0 to 255.
        step_size: In grey levels; None is epsilon / 4.
        steps: How many.
        decay: Weight of the gradients before, the paper's mu.
    """

    name: ClassVar[str] = "mim"
    loss_fn: ClassVar[Callable[..., Any]] = staticmethod(mim.loss_fn)

    decay: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("decay", self.decay)

    def perturb(self, model_fn: ModelFn, x: Any, start: Any, y: Any) -> Any:  # noqa: ARG002 - starts at x
        """Return the adversarial images; see `GradientSign.perturb`."""
        return mim.momentum_iterative_method(
            model_fn,
            start,
            eps=self.epsilon,
            eps_iter=self.actual_step_size,
            nb_iter=self.steps,
            clip_min=0.0,
            clip_max=WHITE,
            y=y,
            decay_factor=self.decay,
            sanity_checks=False,
        )


def _generator(image: Floats, seed: int) -> np.random.Generator:
    """Return a random generator that depends on the seed and the image's pixels alone."""
    digest = hashlib.blake2b(image.astype(np.uint8).tobytes(), digest_size=16).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "big")])
