"""Figures of what studies find, for notebooks and the front page: rows of pictures, maps on pictures, a story."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tf_lowdef.results.plot import COLOURS
from tf_lowdef.studies.gallery import lay_on
from tf_lowdef.studies.story import Frame

Pixels = npt.NDArray[np.uint8]

RIGHT, WRONG = COLOURS[3], COLOURS[4]

SIDE = 1.6
"""Inches a picture."""

DPI = 80
"""Small enough that a notebook with a few figures opens on a code host."""


def draw_images(images: Sequence[Pixels] | Pixels, titles: Sequence[str], columns: int = 5) -> Figure:
    """Draw pictures in rows.

    Args:
        images: uint8, each of shape (height, width, 3).
        titles: One an image.
        columns: Pictures in a row.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.studies import draw_images
        >>> model, images, labels = load_demo()
        >>> figure = draw_images(images[:3], ["first", "second", "third"])
        >>> [axes.get_title() for axes in figure.axes[:3]]
        ['first', 'second', 'third']
        >>> figure.savefig("images.png")
    """
    figure, axes = _grid(len(images), columns)
    for each, image, title in zip(axes, images, titles, strict=True):
        _show(each, image, title)
    return figure


def draw_story(frames: Sequence[Frame]) -> Figure:
    """Draw frames side by side, below each what the classifier said, and whether that is right.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef.studies import Frame, draw_story
        >>> black = np.zeros((8, 8, 3), np.uint8)
        >>> frames = [Frame("clean", black, "mug, 98 %", True), Frame("attacked", black, "box, 71 %", False)]
        >>> figure = draw_story(frames)
        >>> [axes.get_title() for axes in figure.axes]
        ['clean', 'attacked']
    """
    figure, axes = _grid(len(frames), len(frames), side=SIDE * 1.5, text=0.9)
    for each, frame in zip(axes, frames, strict=True):
        _show(each, frame.image, frame.title)
        mark, colour = ("\N{CHECK MARK}", RIGHT) if frame.right else ("\N{BALLOT X}", WRONG)
        each.set_xlabel(f"{mark} {frame.says}", color=colour, fontsize=13, fontweight="bold")
    return figure


def draw_maps(images: Sequence[Pixels], maps: Sequence[npt.NDArray[np.float32]], titles: Sequence[str]) -> Figure:
    """Draw pictures and below each the map that belongs to it, laid on it: bright yellow speaks most for the class.

    Args:
        images: uint8, each of shape (height, width, 3).
        maps: float32 in [0, 1], each of shape (height, width), such as ``grad_cam`` gives.
        titles: One an image.

    Example:
        >>> from tf_lowdef import grad_cam, load_demo
        >>> from tf_lowdef.studies import draw_maps
        >>> model, images, labels = load_demo()
        >>> figure = draw_maps(images[:2], grad_cam(model, images[:2]), ["first", "second"])
        >>> len(figure.axes)  # two pictures, below them two maps
        4
    """
    figure, axes = _grid(2 * len(images), len(images), text=0.15)
    for place, (image, found, title) in enumerate(zip(images, maps, titles, strict=True)):
        _show(axes[place], image, title)
        _show(axes[len(images) + place], lay_on(image, found), "")
    return figure


def _grid(count: int, columns: int, side: float = SIDE, text: float = 0.35) -> tuple[Figure, list[Axes]]:
    rows = -(-count // columns)
    figure = Figure(figsize=(side * columns, (side + text) * rows), dpi=DPI, layout="constrained")
    axes: list[Axes] = list(np.atleast_1d(figure.subplots(rows, columns)).flat)
    for each in axes[count:]:
        each.axis("off")
    return figure, axes[:count]


def _show(axes: Axes, image: Any, title: str) -> None:
    axes.imshow(image, interpolation="nearest")
    axes.set_title(title, fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
