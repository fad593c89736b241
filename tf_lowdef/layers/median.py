"""Median smoothing as a Keras layer."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.borders import pad_symmetric
from tf_lowdef.layers.float_layer import FloatLayer
from tf_lowdef.layers.forms import grammar
from tf_lowdef.validation import check_integer


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("median")
class MedianLayer(FloatLayer):
    """Replaces every value by the median of the square window around it, the second feature squeezer.

    Xu, Evans and Qi 2018 (NDSS, arXiv 1704.01155, section 3.2), with ``scipy.ndimage.median_filter``'s conventions, as
    there: images are mirrored at their borders, and an even window reaches one further up and to the left and takes the
    upper of its two middle values. The gradient is exact: it goes to the pixel that was the median.

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        size: The window's side in pixels, 1 to 7. The paper takes 2 and 3.
        gradient: ``"exact"``, ``"straight_through"`` or ``"none"``; see :class:`FloatLayer`.
        value_range: The values that stand for black and full; here they change nothing.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, height, width, 3)``.

    Output shape:
        The same.

    Raises:
        ValueError: An argument is out of its range, or the shape is wrong.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import MedianLayer
        >>> speck = np.zeros((1, 5, 5, 1), np.uint8)
        >>> speck[0, 2, 2] = 255
        >>> float(MedianLayer(3)(speck).numpy().max())
        0.0
    """

    compiles = True

    def __init__(
        self,
        size: int = 3,
        gradient: str = "exact",
        value_range: tuple[float, float] = (0, 255),
        **kwargs: Any,
    ) -> None:
        super().__init__(gradient=gradient, value_range=value_range, **kwargs)
        self.size = check_integer("size", size, 1, 7)

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Take the median of the window's shifted images."""
        before = self.size // 2
        return self._median_of_windows(pad_symmetric(images, before, self.size - 1 - before))

    @tf.custom_gradient  # differentiating the comparisons one by one takes six times as long
    def _median_of_windows(self, padded: tf.Tensor) -> Any:
        shifted = [self._shift(padded, *place) for place in self._places]
        if len(shifted) % 2 == 0:  # with one more that is larger than all, the upper middle value is the middle one
            shifted.append(tf.fill(tf.shape(shifted[0]), tf.constant(float("inf"))))
        middle = median(shifted)

        def gradient(left: tf.Tensor) -> tf.Tensor:
            total = tf.zeros_like(padded)
            for y, x in self._places:  # where several pixels are the median, the first one counts
                taken = tf.where(self._shift(padded, y, x) == middle, left, 0.0)
                left -= taken
                total += tf.pad(taken, [[0, 0], [y, self.size - 1 - y], [x, self.size - 1 - x], [0, 0]])
            return total

        return middle, gradient

    @property
    def _places(self) -> list[tuple[int, int]]:
        """The window's pixels, from its upper left one."""
        return [(y, x) for y in range(self.size) for x in range(self.size)]

    def _shift(self, padded: tf.Tensor, y: int, x: int) -> tf.Tensor:
        """Return for every pixel the one at a place in its window."""
        size = tf.shape(padded)
        return padded[:, y : y + size[1] - self.size + 1, x : x + size[2] - self.size + 1]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "size": self.size}


def median(values: list[tf.Tensor]) -> tf.Tensor:
    """Return the elementwise median of an odd number of tensors of one shape.

    Forgetful selection (Paeth 1990, Graphics Gems, "Median finding on a 3x3 grid"): among just over half of the values,
    neither the smallest nor the largest can be the median; both are forgotten and the next value comes in. Minima and
    maxima of whole images are much faster than a sort of every window, and have a derivative.
    """
    keep = len(values) // 2 + 2
    kept, waiting = values[:keep], values[keep:]
    while len(kept) > 1:
        kept = _without_extremes(kept)
        if waiting:
            kept.append(waiting.pop(0))
    return kept[0]


def _without_extremes(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """Return elementwise what is left of at least 3 tensors without the smallest and the largest."""
    values = list(values)
    half = len(values) // 2
    for low in range(half):  # every small one to the front, every large one to the back
        high = len(values) - 1 - low
        values[low], values[high] = tf.minimum(values[low], values[high]), tf.maximum(values[low], values[high])
    for place in range(1, len(values) - half):
        values[0], values[place] = tf.minimum(values[0], values[place]), tf.maximum(values[0], values[place])
    for place in range(half, len(values) - 1):
        values[-1], values[place] = tf.maximum(values[-1], values[place]), tf.minimum(values[-1], values[place])
    return values[1:-1]
