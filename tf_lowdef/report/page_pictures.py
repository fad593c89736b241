"""The gallery of ``report.html``: pictures as part of the page, each with what to see in it."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from tf_lowdef.files import ImageReadError, read_rgb
from tf_lowdef.results.gallery import Example, Gallery, View

Pixels = npt.NDArray[np.uint8]

LOSSLESS = 128
"""The longest side in pixels of a picture that is shown without loss; larger ones go through WebP, to be shown only."""

LARGEST = 320
"""The longest side in pixels that a picture is shown at."""

QUALITY = 88
"""Of WebP, where it is used to show a picture."""

ALIKE, UNLIKE = 0.8, 0.4
"""Correlations from which on a map is called the same, and below which another."""

MIDDLE = 128
"""The grey level of no change in the picture of a perturbation."""


_REENCODED = "data:image/webp"


class Picture(NamedTuple):
    """A picture on the page."""

    uri: str
    alt: str
    title: str
    text: str
    right: bool | None


class Shown(NamedTuple):
    """An example on the page: its pictures, the maps below them, and what could not be shown."""

    name: str
    label: str
    story: str
    pictures: list[Picture]
    maps: list[Picture]
    missing: list[str]


STORIES = {
    "rescued": "The attack on the bare classifier fools it; behind the defence the answer is right again.",
    "lost": "The attack on the bare classifier fools the one behind the defence too.",
    "untouched": "The attack on the bare classifier harms neither it nor the one behind the defence here.",
    "wrong already": "The classifier, bare or defended, is wrong here without any attack.",
    "attacked": "One image under attack.",
}

_TITLES = {
    "clean": "Clean",
    "adversarial": "Adversarial",
    "defended": "Defended",
    "adaptive": "Made for the defence",
}


def show(gallery: Gallery, folder: Path) -> list[Shown]:
    """Return the examples of a gallery with their pictures; what cannot be read is named instead."""
    return [_show(example, folder) for example in gallery.examples]


def _show(example: Example, folder: Path) -> Shown:
    pictures: list[Picture] = []
    changes: list[Picture] = []
    maps: list[Picture] = []
    missing: list[str] = []
    clean: Pixels | None = None
    for view in example.views:
        try:
            pixels = _read(folder, view.image)
        except ImageReadError as error:
            missing.append(f"{view.image}: {error.reason}")
            continue
        if view.what == "clean":
            clean = pixels
        pictures.append(_picture(view, example, pixels))
        if view.what in ("adversarial", "adaptive") and clean is not None and clean.shape == pixels.shape:
            changes.append(_perturbation(view, example, clean, pixels))
        if view.cam is not None:
            try:
                maps.append(_map(view, example, _read(folder, view.cam)))
            except ImageReadError as error:
                missing.append(f"{view.cam}: {error.reason}")
    story = STORIES.get(example.story, example.story)
    return Shown(example.name, example.label_name, story, [*pictures, *changes], maps, missing)


def _read(folder: Path, name: str) -> Pixels:
    """Read a picture of the run, and none from outside its folder, whatever its name says."""
    path = folder / name
    if "\0" in name or not path.resolve().is_relative_to(folder.resolve()):
        raise ImageReadError(path, "lies outside the run's folder")
    return read_rgb(path)


def _picture(view: View, example: Example, pixels: Pixels) -> Picture:
    verdict = "right" if view.correct else "wrong"
    said = f"{view.predicted_name}, {100 * view.confidence:.0f} %"
    what = {
        "clean": "The image as it was, before the bare classifier.",
        "adversarial": f"After {view.attack} on the bare classifier: to the eye it is the same image.",
        "defended": f"The adversarial image behind {view.defence}: what the classifier sees.",
        "adaptive": f"After {view.attack} on {view.defence} and the classifier together; seen through the defence.",
    }.get(view.what, view.what)
    alt = f"{_title(view)}: image {example.name}, {example.label_name}; classified as {view.predicted_name}, {verdict}."
    return Picture(to_uri(pixels), alt, _title(view), f"{said}. {what}", view.correct)


def _perturbation(view: View, example: Example, clean: Pixels, pixels: Pixels) -> Picture:
    shown, factor = amplify(clean, pixels)
    text = f"What {view.attack} changed, amplified {factor} times; grey is no change."
    title = "Perturbation" if view.what == "adversarial" else "Perturbation, made for the defence"
    alt = f"Difference of the {view.what} and the clean image {example.name}, {factor} times amplified: coloured noise."
    return Picture(to_uri(shown), alt, title, text, None)


def _map(view: View, example: Example, pixels: Pixels) -> Picture:
    alt = f"Grad-CAM map for {example.label_name} laid on image {example.name}, {_title(view).lower()}."
    return Picture(to_uri(pixels), alt, _title(view), _likeness(view, example), None)


def _likeness(view: View, example: Example) -> str:
    """Return in words how alike a map is to that of the clean image; an empty map has a correlation of 0 with any.

    Grad-CAM keeps what speaks for a class on the whole, by its ReLU: behind a flat head that may be nothing although
    the class is predicted.
    """
    clean = view.what == "clean"
    if not clean and any(each.what == "clean" and each.alike == 0 for each in example.views):
        return "On the clean image Grad-CAM finds nothing to compare this with."
    if view.alike == 0 and view.correct:
        return "Grad-CAM finds nothing here although the class is predicted: the map does not explain this model."
    if view.alike == 0:
        return f"Nothing in the image speaks for it{'' if clean else ' any more'}."
    if clean or view.alike is None:
        return "Where the bare classifier looks without any attack."
    what = "Looks where it did on the clean image" if view.alike >= ALIKE else "Looks partly elsewhere"
    return f"{what if view.alike >= UNLIKE else 'Looks elsewhere'}: {view.alike:.2f} alike."


def _title(view: View) -> str:
    return _TITLES.get(view.what, view.what)


def display_note(examples: list[Shown]) -> str | None:
    """Return what a reader must know who judges pixels on the page; None where all pictures are shown as they are."""
    pictures = [picture for example in examples for picture in (*example.pictures, *example.maps)]
    if not any(picture.uri.startswith(_REENCODED) for picture in pictures):
        return None
    return (
        f"Pictures of more than {LOSSLESS} pixels a side are re-encoded for this page, as WebP of quality {QUALITY} "
        f"and at most {LARGEST} pixels. Predictions, maps and perturbations were made from the PNG files in the run's "
        "folder, not from what is shown here."
    )


def amplify(clean: Pixels, changed: Pixels) -> tuple[Pixels, int]:
    """Return the difference of two images about a middle grey, and by which whole factor it is amplified.

    The factor is the largest that keeps every channel within 0 to 255.
    """
    difference = changed.astype(np.int64) - clean
    factor = max(1, (MIDDLE - 1) // max(1, int(np.abs(difference).max())))
    return np.clip(MIDDLE + factor * difference, 0, 255).astype(np.uint8), factor


def to_uri(pixels: Pixels) -> str:
    """Return a picture as a data URI: as it is if it is small, otherwise reduced and compressed for the eye."""
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    if max(image.size) <= LOSSLESS:
        image.save(buffer, "PNG", optimize=True)
        kind = "png"
    else:
        image.thumbnail((LARGEST, LARGEST))
        image.save(buffer, "WEBP", quality=QUALITY)
        kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
