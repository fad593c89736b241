"""Labelled images as batches for a training, in an order that the epoch's number decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.data.image_data import ImageData, Pixels

Labels = npt.NDArray[np.int64]

_MIRROR, _SHIFT = 1, 2
"""What sets the draws of the two changes of an image apart."""


@dataclass(frozen=True)
class Feed:
    """Training images, read again in every epoch.

    An epoch's order, and what is done to an image in it, follow from the seed and the numbers of epoch and image, so
    that a training that goes on in the middle sees what it would have seen.

    Attributes:
        images: All of one size.
        chosen: Indices of those to train on, which could be read before.
        batch_size: Of all batches but an epoch's last.
        seed: A nonnegative integer.
        shift: Images are moved by up to so many pixels either way, and mirrored at their borders.
        mirror: Whether every other one, on average, is mirrored left to right.
        failed: Why an image could not be read, by name; filled in as it happens.
    """

    images: ImageData
    chosen: Sequence[int]
    batch_size: int
    seed: int
    shift: int = 0
    mirror: bool = False
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.chosen) // self.batch_size)

    def batches(self, epoch: int, epochs: int) -> tf.data.Dataset:
        """Return the batches of the epochs from `epoch` on, before `epochs`: uint8 images and int64 labels."""
        count, shape = len(self.chosen), self.images.read(self.chosen[0]).shape

        def order(number: Any) -> tf.data.Dataset:
            places = tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), [self.seed, number])
            chosen = tf.gather(tf.constant(list(self.chosen), tf.int64), places)
            return tf.data.Dataset.from_tensor_slices((chosen, number * count + places)).batch(self.batch_size)

        def read(chosen: Any, draws: Any) -> Any:
            read = tf.numpy_function(self._read, [chosen], (tf.uint8, tf.int64, tf.int64), stateful=False)
            images, labels, kept = read
            images.set_shape([None, *shape])
            labels.set_shape([None])
            kept.set_shape([None])
            return self._changed(images, tf.gather(draws, kept)), labels

        # Not several at a time: what reads uses all cores by itself.
        return tf.data.Dataset.range(epoch, epochs).flat_map(order).map(read).prefetch(2)

    def _read(self, chosen: npt.NDArray[np.int64]) -> tuple[Pixels, Labels, npt.NDArray[np.int64]]:
        """Return images and labels of what can be read, and their places among the chosen."""
        pixels, failed = self.images.read_batch(chosen.tolist())
        self.failed.update({self.images.names[index]: reason for index, reason in failed.items()})
        kept = np.array([place for place, index in enumerate(chosen.tolist()) if index not in failed], np.int64)
        if not pixels:
            raise ValueError(f"No image of a batch could be read: {next(iter(failed.values()))}")
        return np.stack(pixels), self.images.labels[chosen[kept]], kept

    def _changed(self, images: Any, draws: Any) -> Any:
        """Return images moved and mirrored as their draws say; `draws` are int64, (n,)."""
        if self.shift:
            images = tf.map_fn(
                self._moved, (images, draws), fn_output_signature=tf.TensorSpec(images.shape[1:], tf.uint8)
            )
        if self.mirror:
            turned = tf.map_fn(
                lambda draw: self._uniform(draw, _MIRROR, 1)[0] < 0.5, draws, fn_output_signature=tf.bool
            )
            images = tf.where(turned[:, None, None, None], tf.reverse(images, [2]), images)
        return images

    def _moved(self, both: Any) -> Any:
        image, draw = both
        border = self.shift
        wide = tf.pad(image, [[border, border], [border, border], [0, 0]], "SYMMETRIC")
        place = tf.cast(self._uniform(draw, _SHIFT, 2) * (2 * border + 1), tf.int32)
        return tf.slice(wide, tf.concat([place, [0]], axis=0), image.shape)

    def _uniform(self, draw: Any, what: int, count: int) -> Any:
        return tf.random.stateless_uniform([count], [self.seed * 4 + what, draw])


def split(count: int, share: float, seed: int, most: int) -> tuple[list[int], list[int]]:
    """Return the indices to train on and those held back, both in ascending order.

    Args:
        count: Of all images.
        share: To hold back; at least one image is, and one is left.
        seed: Decides which.
        most: How many are held back at most; the others are trained on.
    """
    return draw(count, min(max(round(share * count), 1), count - 1, most), seed)


def draw(count: int, many: int, seed: int) -> tuple[list[int], list[int]]:
    """Return the indices that are left and those drawn, `many` or all of them, both in ascending order."""
    order = np.random.default_rng([seed, count]).permutation(count)
    return sorted(order[many:].tolist()), sorted(order[:many].tolist())
