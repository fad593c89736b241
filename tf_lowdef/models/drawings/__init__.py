"""The images that the embedded classifier is trained and tested on, drawn anew: any number, all labelled, no download.

A set is decided by its seed alone. ``scripts/train_demo.py`` trained the embedded classifier on set 2, and what
:func:`tf_lowdef.load_demo` gives are the first twenty of each class of the hundred of set 3; other seeds give images
that neither has seen.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import numpy.typing as npt

from tf_lowdef.models.drawings.scenes import SIZE, draw
from tf_lowdef.models.drawings.shapes import SHAPES
from tf_lowdef.validation import check_integer

__all__ = ["SHAPES", "SIZE", "draw", "draw_set"]


def draw_set(per_class: int, seed: int, processes: int = 1) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Draw a balanced set, in the order of the labels.

    Args:
        per_class: Number of images of each class.
        seed: A nonnegative integer. Sets with different seeds share no image.
        processes: How many draw at a time; the images are the same. More than one are started anew, so that the calling
            script must be guarded by ``if __name__ == "__main__"``.

    Returns:
        Images, uint8, shape (10 * per_class, 96, 96, 3), RGB, and labels, int64, shape (10 * per_class,).

    Raises:
        ValueError: An argument is no such number.

    Example:
        >>> from tf_lowdef.models.drawings import draw_set
        >>> images, labels = draw_set(1, seed=7)
        >>> images.shape, labels.tolist()
        ((10, 96, 96, 3), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    check_integer("per_class", per_class, 1)
    check_integer("seed", seed, 0)
    check_integer("processes", processes, 1)
    labels = np.repeat(np.arange(len(SHAPES), dtype=np.int64), per_class)
    seeds = [(seed, index) for index in range(len(labels))]
    if processes == 1:
        return np.stack(list(map(draw, labels.tolist(), seeds))), labels
    # Not forked: TensorFlow, which the calling process has loaded, has threads.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        return np.stack(list(pool.map(draw, labels.tolist(), seeds, chunksize=50))), labels
