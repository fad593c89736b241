"""The base of every recipe: what a classifier is shown in a step of its training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tf_lowdef.attacks.losses import Loss, cross_entropy, gradient_at
from tf_lowdef.attacks.result import WHITE
from tf_lowdef.specs import format_value, parameters

Views = tuple[Any, ...]
"""Batches of float32 images, all of one shape, that the classifier is trained on at once."""


@dataclass(frozen=True)
class Step:
    """One step of a training, as a recipe sees it.

    Attributes:
        images: float32, (batch, height, width, channels), pixels in [0, 255].
        labels: int64, (batch,).
        look: From images of that shape, and the number of the look, to float32 logits (batch, classes): the defended
            classifier as its attacker has it, at inference. Randomised defences draw anew for every number.
        seed: int64, (2,): another one for every step, and for every replica.
    """

    images: Any
    labels: Any
    look: Callable[[Any, int], Any]
    seed: Any

    def uniform(self, radius: float) -> Any:
        """Return numbers of the images' shape, all of [-radius, radius) alike likely."""
        return tf.random.stateless_uniform(tf.shape(self.images), self.seed, -radius, radius)

    def keys(self) -> Any:
        """Return one key an image for a `draw_scope`."""
        return image_keys(self.seed, tf.shape(self.images, tf.int64)[0])

    def normal(self, deviation: float) -> Any:
        """Return numbers of the images' shape from a normal distribution around 0."""
        return tf.random.stateless_normal(tf.shape(self.images), self.seed, stddev=deviation)

    def climb(
        self,
        start: Any,
        epsilon: float,
        size: float,
        steps: int,
        loss: Loss = cross_entropy,
        of: Any = None,
    ) -> Any:
        """Return points of the images' L-infinity balls that signed steps up a loss lead to.

        Where a gradient is no finite number, as half precision may give, its pixel stays.

        Args:
            start: Where to begin, of the images' shape.
            epsilon: The balls' radius in grey levels.
            size: Of a step, in grey levels.
            steps: How many.
            loss: What is raised.
            of: What the loss takes besides the logits; None takes the labels.
        """
        of = self.labels if of is None else of
        here = self.inside(start, epsilon)
        for number in range(1, steps + 1):
            _, _, gradient = gradient_at(lambda x, n=number: self.look(x, n), here, of, of, loss=loss)
            sign = tf.where(tf.math.is_finite(gradient), tf.sign(gradient), 0.0)
            here = self.inside(here + size * sign, epsilon)
        return here

    def inside(self, points: Any, epsilon: float) -> Any:
        """Return points moved into the balls and the box."""
        inside = tf.clip_by_value(points, self.images - epsilon, self.images + epsilon)
        return tf.clip_by_value(inside, 0.0, WHITE)


class Recipe(ABC):
    """What a classifier is shown in a step of its training: a frozen dataclass, and a row in ``spec.py``.

    Attributes:
        name: As a specification has it.
        epsilon: The L-infinity bound in grey levels that it trains for, None where it trains for none.

    Example:
        >>> from tf_lowdef.training import Recipe, parse_recipe
        >>> recipe = parse_recipe("trades:4,beta=3")
        >>> isinstance(recipe, Recipe), recipe.bound, recipe.spec
        (True, 4.0, 'trades:4,beta=3')
    """

    name: ClassVar[str]

    @abstractmethod
    def views(self, step: Step) -> Views:
        """Return the images of a step: one batch, or several that :meth:`loss` compares, the last of them attacked."""

    def loss(self, own: Any, labels: Any, logits: Views, weights: Any) -> Any:
        """Return the loss of a step, where there are several views.

        Args:
            own: From (labels, logits, weights) to the loss that the user has compiled, a scalar.
            labels: As the user gives them.
            logits: One (batch, classes) a view.
            weights: As the user gives them, or None.
        """
        raise NotImplementedError(f"{type(self).__name__} trains on several views and must have a loss of them")

    @property
    def bound(self) -> float | None:
        """The L-infinity bound in grey levels that it trains for, None where it trains for none."""
        return getattr(self, "epsilon", None)

    @property
    def deviation(self) -> float | None:
        """The standard deviation in grey levels of the noise that it trains under, None where it trains under none."""
        return None

    @property
    def passes(self) -> int:
        """How many times a step goes through the defence and the classifier, the training itself among them."""
        return 1

    @property
    def spec(self) -> str:
        """The recipe as `parse_recipe` reads it."""
        fields = parameters(type(self))
        if not fields:
            return self.name
        first, *rest = fields
        values = [format_value(getattr(self, first.name))]
        values += [
            f"{field.name}={format_value(getattr(self, field.name))}"
            for field in rest
            if getattr(self, field.name) != field.default
        ]
        return f"{self.name}:{','.join(values)}"


def image_keys(seed: Any, count: Any) -> Any:
    """Return int64 keys (count, 2) for a `draw_scope`, of a step's seed (2,)."""
    return tf.stack([seed[0] + tf.range(count), tf.fill([count], seed[1])], axis=1)


@keras.saving.register_keras_serializable(package="tf_lowdef")
class Divergence(keras.losses.Loss):
    """The Kullback-Leibler divergence KL(p || q) of the classes' probabilities, from the logits of p and q.

    Args:
        **kwargs: ``name``, ``reduction`` and ``dtype``.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one number an image: `y_true` are the logits of p, `y_pred` those of q, (batch, classes)."""
        return divergence(y_pred, y_true, None)


def divergence(logits: Any, others: Any, targets: Any) -> Any:  # noqa: ARG001 - attacks' losses share one signature
    """Return KL(p || q) an image, where `others` are the logits of p, and `logits` those of q."""
    p = tf.nn.log_softmax(others)
    return tf.reduce_sum(tf.exp(p) * (p - tf.nn.log_softmax(logits)), axis=-1)
