"""The base of every attack: it owns what each must get right (box, epsilon, rounding, success, norms, batches)."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks.checks import (
    Labels,
    Pixels,
    check_images,
    check_integer,
    check_label_range,
    check_labels,
)
from tf_lowdef.attacks.model_fn import Model, ModelFn, are_probabilities, as_model_fn
from tf_lowdef.attacks.result import WHITE, AttackResult, Floats, Found, l2_norms, linf_norms
from tf_lowdef.specs import format_value

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Batch:
    """A batch padded to the fixed size by repeating its last image.

    Attributes:
        pixels: float32, (batch, height, width, 3), whole grey levels.
        labels: int64, (batch,).
        logits: float32, (batch, classes): the model's outputs for `pixels`.
        valid: bool, (batch,): False for padding.
        seed: The seed of the whole attack.
    """

    pixels: Floats
    labels: Labels
    logits: Floats
    valid: npt.NDArray[np.bool_]
    seed: int


class Attack(ABC):
    """An untargeted attack on the true label. A subclass is a frozen dataclass with `run`, and a row in `spec.py`.

    Images are uint8 pixels before and after: floats are rounded first, and epsilon bounds the rounded result. The
    last short batch is padded to `batch_size`, so that an image meets the same compiled computation in any call.
    """

    name: ClassVar[str]
    norm: ClassVar[str]
    loss: ClassVar[str]
    minimal_norm: ClassVar[bool] = False
    """Whether the attack seeks the smallest perturbation rather than the best one within epsilon."""
    needs_logits: ClassVar[bool] = False

    @abstractmethod
    def run(self, model_fn: ModelFn, batch: Batch) -> Found:
        """Attack one padded batch; called only where epsilon leaves room for a change.

        Args:
            model_fn: From float32 pixels to logits.
            batch: The images and their true labels.
        """

    def __call__(
        self,
        model: Model,
        images: npt.ArrayLike,
        labels: npt.ArrayLike,
        *,
        batch_size: int = 32,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> AttackResult:
        """Make adversarial images.

        Args:
            model: A Keras model, or any callable on float32 tensors, from pixels in [0, 255] to logits.
            images: uint8, or floats in [0, 255] (rounded first); shape (n, height, width, 3), RGB.
            labels: Integers, shape (n,): the true classes, 0-based.
            batch_size: How many images are attacked at once; the last batch is padded to it.
            seed: A nonnegative integer. Random starts follow from it and from the image alone, not from its place.
            progress: Called with (images done, images in all) after every batch.

        Returns:
            The result, image by image, in the order of `images`.

        Raises:
            TypeError: A dtype is wrong, or the model is not callable.
            ValueError: A shape, value or label is wrong, the model gives no gradient, or ends in a softmax where the
                attack needs logits.
        """
        pixels = check_images(images)
        true = check_labels(labels, len(pixels))
        check_integer("batch_size", batch_size, 1)
        check_integer("seed", seed, 0)
        model_fn = as_model_fn(model)
        parts = []
        for start in range(0, len(pixels), batch_size):
            part = slice(start, start + batch_size)
            parts.append(self._attack_batch(model_fn, pixels[part], true[part], batch_size, seed, first=start == 0))
            if progress is not None:
                progress(min(start + batch_size, len(pixels)), len(pixels))
        return _join(parts) if parts else _empty(pixels, self.minimal_norm)

    def _attack_batch(
        self, model_fn: ModelFn, pixels: Pixels, labels: Labels, size: int, seed: int, first: bool
    ) -> AttackResult:
        """Pad, attack, round and judge one batch."""
        n = len(pixels)
        padded = _pad(pixels, size).astype(np.float32)
        logits = model_fn.logits(padded)
        if first:
            self._check_outputs(logits)
        check_label_range(labels, logits.shape[1])
        batch = Batch(padded, _pad(labels, size), logits, np.arange(size) < n, seed)
        found = self.run(model_fn, batch) if self.moves else _unchanged(batch)
        rounded = self._rounded(padded, found.images)
        predictions = model_fn.logits(rounded).argmax(axis=1)[:n]
        floats: dict[str, Any] = {}
        if self.minimal_norm:
            floats["float_success"] = model_fn.logits(found.images).argmax(axis=1)[:n] != labels
            floats["float_l2"] = l2_norms(found.images - padded)[:n]
        return AttackResult(
            images=rounded[:n].astype(np.uint8),
            success=predictions != labels,
            predictions=predictions,
            clean_predictions=logits.argmax(axis=1)[:n],
            l2=l2_norms(rounded - padded)[:n],
            linf=linf_norms(rounded - padded)[:n],
            steps=found.steps[:n],
            queries=found.queries[:n],
            zero_gradient=found.zero_gradient[:n],
            **floats,
        )

    def _rounded(self, clean: Floats, adversarial: Floats) -> Floats:
        """Return whole grey levels in the box, within epsilon of `clean` if the attack has one."""
        rounded = np.clip(np.rint(adversarial), 0, WHITE)
        # Failed arithmetic must not become a pixel: where it is not finite, the clean pixel stays.
        rounded = np.where(np.isfinite(adversarial), rounded, clean)
        if self.epsilon is not None:
            whole = math.floor(self.epsilon)
            rounded = np.clip(rounded, clean - whole, clean + whole)
        result: Floats = rounded.astype(np.float32)
        return result

    def _check_outputs(self, outputs: Floats) -> None:
        """Refuse or warn about a model that ends in a softmax."""
        if outputs.shape[1] < 2:
            raise ValueError(f"A classifier needs two outputs or more. Received: {outputs.shape[1]}")
        if not are_probabilities(outputs):
            return
        text = (
            "The model's outputs are nonnegative and sum to one: it ends in a softmax. Build it with "
            "classifier_activation=None, so that it returns logits"
        )
        if self.needs_logits:
            raise ValueError(f"{type(self).__name__} needs logits. {text}")
        warnings.warn(f"{text}; gradients through a softmax vanish and make it look robust.", UserWarning, stacklevel=4)

    @property
    def epsilon(self) -> float | None:
        """The bound of the perturbation in grey levels, or None."""
        return None

    @property
    def moves(self) -> bool:
        """Whether the attack can change a pixel: epsilon 0 is the identity."""
        return self.epsilon is None or self.epsilon > 0

    @property
    def spec(self) -> str:
        """The attack as `parse_attack` reads it: its name, its epsilon, and what differs from the defaults."""
        parts = []
        for field in fields(self):  # type: ignore[arg-type]  # every attack is a dataclass
            value = getattr(self, field.name)
            if field.name == "epsilon":
                parts.append(format_value(value))
            elif value != field.default:
                parts.append(f"{field.name}={format_value(value)}")
        return self.name + (":" + ",".join(parts) if parts else "")

    def describe(self) -> dict[str, Any]:
        """Return what the attack is, for a report: plain values under the keys that every attack has."""
        return {
            "name": self.name,
            "spec": self.spec,
            "norm": self.norm,
            "epsilon": self.epsilon,
            "steps": getattr(self, "steps", 1),
            "step_size": getattr(self, "actual_step_size", None),
            "restarts": getattr(self, "restarts", 1),
            "loss": self.loss,
            "labels": "true",
        }


def _pad(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Repeat the last entry until there are `size`."""
    return np.pad(array, [(0, size - len(array))] + [(0, 0)] * (array.ndim - 1), mode="edge")


def _unchanged(batch: Batch) -> Found:
    """Return the batch as it is."""
    nothing = np.zeros(len(batch.pixels), np.int64)
    return Found(batch.pixels, nothing, nothing, np.zeros(len(batch.pixels), bool))


def _join(parts: list[AttackResult]) -> AttackResult:
    """Return the results of the batches as one."""
    names = [field.name for field in fields(AttackResult) if getattr(parts[0], field.name) is not None]
    return AttackResult(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _empty(pixels: Pixels, minimal_norm: bool) -> AttackResult:
    """Return the result of no images."""
    ints, floats, bools = np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, bool)
    extra = {"float_success": bools, "float_l2": floats} if minimal_norm else {}
    return AttackResult(pixels, bools, ints, ints, floats, floats, ints, ints, bools, **extra)
