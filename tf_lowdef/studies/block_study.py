"""How much of the grid of a codec's blocks can be seen in what it leaves of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.defences import make_defence
from tf_lowdef.evaluation.models.draws import image_keys
from tf_lowdef.results.table import Table

Pixels = npt.NDArray[np.uint8]

SIZES = (4, 8, 16)
"""Sides of blocks in pixels: 8 are JPEG's (ITU-T T.81); 4 and 16 WebP's subblocks and macroblocks (RFC 6386)."""

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in luma (ITU-R BT.601)."""


def blockiness(images: Pixels, size: int = 8) -> float:
    """Return how much larger the steps across a grid of blocks are than other steps between neighbouring pixels.

    Args:
        images: uint8, shape (n, height, width, 3).
        size: Side of a block in pixels.

    Returns:
        The ratio of the mean absolute differences of luma of neighbours in both directions: 1 without blocks. NaN
        where the images are constant within blocks.

    Raises:
        ValueError: The images are not larger than a block.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef.studies import blockiness
        >>> blocks = np.zeros((1, 64, 64, 3), np.uint8)
        >>> blocks[:, :, 32:] = 255
        >>> blocks[:, 30] = 128  # a line that lies on no border
        >>> blockiness(blocks, size=8) > blockiness(blocks[:, :, 3:], size=8)
        True
    """
    if min(images.shape[1:3]) <= size:
        raise ValueError(f"`images` must be larger than a block of {size} pixels. Received: shape={images.shape}")
    luma = images @ LUMA
    on, off = [], []
    for steps in (np.abs(np.diff(luma, axis=2)), np.abs(np.diff(luma, axis=1)).swapaxes(1, 2)):
        at_edge = np.arange(1, steps.shape[2] + 1) % size == 0
        on.append(steps[:, :, at_edge].ravel())
        off.append(steps[:, :, ~at_edge].ravel())
    inside = np.concatenate(off).mean()
    return float(np.concatenate(on).mean() / inside) if inside > 0 else float("nan")


def block_study(
    images: Pixels, defences: Sequence[Any] = ("none", "jpeg:60", "jpeg:90", "webp:60"), seed: int = 0
) -> Table:
    """Return a row a codec: how far its images are from the originals, and how much of its grid can be seen.

    Args:
        images: uint8, shape (n, height, width, 3).
        defences: As :func:`tf_lowdef.defences.make_defence` takes them.
        seed: For those that draw.

    Returns:
        The PSNR in dB over all images, infinite where nothing is changed, and the blockiness for every block size.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.studies import block_study
        >>> model, images, labels = load_demo()
        >>> table = block_study(images[:4], ["none", "jpeg:60", "webp:60"])
        >>> [row[0] for row in table.rows], table.rows[0][1]
        (['none', 'jpeg:60', 'webp:60'], 'inf')
    """
    rows = []
    for defence in map(make_defence, defences):
        seen = defence.through(images, image_keys(images, seed, 0))
        error = float(np.mean((seen.astype(np.float64) - np.repeat(images, defence.copies, axis=0)) ** 2))
        psnr = f"{10 * np.log10(255**2 / error):.1f}" if error else "inf"
        rows.append([defence.name, psnr, *(f"{blockiness(seen, size):.2f}" for size in SIZES)])
    return Table(["codec", "PSNR, dB", *(f"grid of {size}" for size in SIZES)], rows)
