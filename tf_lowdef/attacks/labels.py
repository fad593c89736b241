"""Labels as people have them, as class indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]


def as_labels(labels: Any, count: int) -> Labels:
    """Return labels as 0-based class indices, one for each of `count` images.

    Args:
        labels: Class indices of shape (n,) or (n, 1), integers, booleans or floats of whole numbers; or one-hot rows of
            shape (n, classes), one 1 and otherwise 0.
        count: How many images there are, n.

    Returns:
        int64, shape (n,).

    Raises:
        TypeError: They are no numbers.
        ValueError: Their shape is another, they are no whole numbers, or the rows are not one-hot.
    """
    array = np.asarray(labels)
    if count and array.dtype.kind not in "biuf":
        raise TypeError(
            f"`labels` must be class indices. Received: dtype={array.dtype}"
            + (" (names? pass their place in the model's outputs)" if array.dtype.kind in "OUS" else "")
        )
    if array.shape == (count, 1):
        array = array[:, 0]
    if array.ndim == 2 and len(array) == count:
        return _from_one_hot(array)
    if array.shape != (count,):
        raise ValueError(
            f"`labels` must have the shape ({count},), one class index an image, ({count}, 1), or ({count}, classes) "
            f"one-hot. Received: shape={array.shape}"
        )
    whole = array.astype(np.int64)
    if array.dtype.kind == "f" and (whole != array).any():
        wrong = array[whole != array][0]
        raise ValueError(f"`labels` must be whole numbers, 0-based class indices. Received: {wrong}")
    return whole


def _from_one_hot(rows: npt.NDArray[Any]) -> Labels:
    hot = (rows == 1).sum(axis=1) == 1
    wrong = np.flatnonzero(~(hot & ((rows != 0).sum(axis=1) == 1)))
    if len(wrong):
        raise ValueError(
            f"`labels` of shape {rows.shape} must be one-hot: one 1 an image and otherwise 0; mixed or smoothed labels "
            f"name no class. Received: {rows[wrong[0]].tolist()[:10]} for image {wrong[0]}"
        )
    labels: Labels = rows.argmax(axis=1).astype(np.int64)
    return labels
