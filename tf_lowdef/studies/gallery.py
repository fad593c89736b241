"""The gallery of a run: a few images clean, attacked and defended, with what the classifier made of them, and why."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import numpy.typing as npt

from tf_lowdef.defences import BARE, Calibration, Defence, Gate, make_defence, name_defences
from tf_lowdef.evaluation.models.opening import open_classifier, open_data
from tf_lowdef.evaluation.models.predict import Predictor
from tf_lowdef.files import read_rgb, write_png
from tf_lowdef.results import CLEAN, Results, Row
from tf_lowdef.results.gallery import FOLDER, Example, Gallery, View
from tf_lowdef.results.paths import adversarial_picture
from tf_lowdef.studies.cam import grad_cam
from tf_lowdef.studies.cam_study import correlations
from tf_lowdef.studies.gallery_choice import Choice, choose

Pixels = npt.NDArray[np.uint8]
Map = npt.NDArray[np.float32]

COLOURS = "viridis"
"""Of the maps: its brightness grows evenly, so that it reads the same in grey and to colour-blind people."""

OPACITY = 0.6
"""Of the map where it is 1, laid on the picture in grey."""


class _Shown(NamedTuple):
    """An image on its way into a view: its pixels before the defence, and where its picture lies."""

    what: str
    attack: str
    defence: Defence
    pixels: Pixels
    picture: str


def make_gallery(
    model: Any,
    data: Any,
    results: Results,
    folder: str | os.PathLike[str],
    class_names: Mapping[int, str] | Sequence[str | None] | None = None,
    defences: Any = None,
    labels: str | os.PathLike[str] | None = None,
) -> Gallery | None:
    """Store a few examples in a run's folder: pictures, predictions and Grad-CAM maps, in ``gallery/``.

    They are of the defence that the report is about, under the attack that does it most harm among those that do not
    know of it, and under an adaptive one, as far as the run kept their images.

    Args:
        model: The bare classifier of the run; one that does not take pixels as ``as_classifier`` has made it.
        data: The images of the run, as given to ``evaluate``.
        results: What came out, with `Results.images` and `Row.per_image`.
        folder: The run's.
        class_names: By class index; classes without one are called by their number. None takes those of the data.
        defences: Those of the run, as given to ``evaluate``; needed where the one that is shown has no text.
        labels: The file of class names, as given to ``evaluate``.

    Returns:
        What was stored; None if the run has no adversarial images.

    Raises:
        ImageReadError: An image is not there any more.
        OSError: The folder cannot be written to.
        ValueError: The defence has no text, and is not among `defences`.

    Example:
        >>> from pathlib import Path
        >>> from tf_lowdef import evaluate, load_demo
        >>> from tf_lowdef.studies import make_gallery
        >>> model, images, labels = load_demo()
        >>> results = evaluate(
        ...     model, (images, labels), ["bim:4"], ["none", "webp:60+flip"], out="run", limit=4, progress=False
        ... )
        >>> gallery = make_gallery(model, (images, labels), results, "run")
        >>> len(gallery.examples) > 0, Path("run/gallery/gallery.json").exists()
        (True, True)
    """
    model = open_classifier(model, data)
    images = open_data(model, data, labels)
    classes = dict(zip(images.names, map(int, images.labels), strict=True))
    choices, selection = choose(results, Path(folder), classes)
    if not choices:
        return None
    places = {name: place for place, name in enumerate(images.names)}
    class_names = images.class_names or () if class_names is None else class_names
    named = class_names.items() if isinstance(class_names, Mapping) else enumerate(class_names)
    names = {index: name for index, name in named if name is not None}
    batch_size = int(results.run["arguments"]["batch_size"])
    defence = _with_threshold(_find(results.subject, defences), results)
    maker = _Maker(model, defence, Path(folder), names, batch_size, int(results.run["seed"]))
    examples = [
        maker.example(number, choice, images.read(places[choice.name]), classes[choice.name])
        for number, choice in enumerate(choices, 1)
    ]
    gallery = Gallery(examples, selection, maker.no_cam)
    gallery.save(folder)
    return gallery


def _find(name: str, defences: Any) -> Defence:
    """Return the defence of a name, among those given or by its text."""
    found = {} if defences is None else name_defences(defences)
    try:
        return found[name] if name in found else make_defence(name)
    except ValueError as error:
        raise ValueError(
            f"`defences` must hold the layers of {name!r}, which is no text. Received: {list(found)}"
        ) from error


def _with_threshold(defence: Defence, results: Results) -> Defence:
    """Return a gate with the threshold that the run chose, and any other defence as it is."""
    if not isinstance(defence, Gate):
        return defence
    found = results.run["gates"]["thresholds"][defence.name]
    return dataclasses.replace(defence, calibration=Calibration.from_dict(found))


class _Maker:
    """Makes the views of examples.

    Args:
        model: The bare classifier.
        defence: What is shown.
        folder: The run's.
        names: Of classes.
        batch_size: That of the run, so that the same image gives the same logits.
        seed: The run's.
    """

    def __init__(
        self, model: Any, defence: Defence, folder: Path, names: Mapping[int, str], batch_size: int, seed: int
    ) -> None:
        self._model = model
        self._defence = defence
        self._folder = folder
        self._names = names
        self._predict = Predictor(model, batch_size, seed)
        self._defended = defence.in_front_of(model)
        self.no_cam: str | None = None

    def example(self, number: int, choice: Choice, clean: Pixels, label: int) -> Example:
        """Write the pictures of one example and return it."""
        place = f"{FOLDER}/{number}"
        shown = [self._written(_Shown("clean", CLEAN, BARE, clean, f"{place}-clean.png"), clean)]
        if choice.oblivious is not None:
            pixels, picture = self._kept(choice.oblivious, choice.name)
            attack = choice.oblivious.attack
            shown.append(_Shown("adversarial", attack, BARE, pixels, picture))
            if self._defence.layers:
                behind = _Shown("defended", attack, self._defence, pixels, f"{place}-defended.png")
                shown.append(self._written(behind, self._seen(pixels)))
        if choice.adaptive is not None:
            pixels, picture = self._kept(choice.adaptive, choice.name)
            shown.append(_Shown("adaptive", choice.adaptive.attack, self._defence, pixels, picture))
        maps = [self._map(each, label) for each in shown]
        views = [self._view(each, label, maps[0], found, place) for each, found in zip(shown, maps, strict=True)]
        return Example(choice.name, label, self._name(label), choice.story, views)

    def _kept(self, row: Row, name: str) -> tuple[Pixels, str]:
        """Return an adversarial image of the run, and where it lies."""
        picture = adversarial_picture(row, name)
        return read_rgb(self._folder / picture), picture

    def _written(self, shown: _Shown, seen: Pixels) -> _Shown:
        write_png(self._folder / shown.picture, seen)
        return shown

    def _seen(self, pixels: Pixels) -> Pixels:
        """Return what the classifier saw in the draw whose prediction is shown; the first of several copies."""
        seen: Pixels = self._defence.through(pixels[None], self._predict.keys(pixels[None]))[0]
        return seen

    def _map(self, shown: _Shown, label: int) -> Map | None:
        """Return the map of the true class, on the image as it was before the defence; None if there can be none."""
        if self.no_cam is not None:
            return None
        try:
            model = self._defended if shown.defence.layers else self._model
            found: Map = grad_cam(model, shown.pixels[None], label, keys=self._predict.keys(shown.pixels[None]))[0]
            return found
        except (ValueError, TypeError) as error:
            self.no_cam = str(error)
            return None

    def _view(self, shown: _Shown, label: int, clean: Map | None, found: Map | None, place: str) -> View:
        logits = self._predict(shown.pixels[None], shown.defence)[0].astype(np.float64)
        shares = np.exp(logits - logits.max())
        predicted = int(logits.argmax())
        cam = alike = None
        if clean is not None and found is not None:
            cam = f"{place}-{shown.what}-cam.png"
            write_png(self._folder / cam, lay_on(shown.pixels, found))
            alike = float(correlations(clean[None], found[None])[0])
        return View(
            shown.what,
            shown.attack,
            shown.defence.name,
            shown.picture,
            predicted,
            self._name(predicted),
            float(shares[predicted] / shares.sum()),
            predicted == label,
            cam,
            alike,
        )

    def _name(self, index: int) -> str:
        return self._names.get(index, f"class {index}")


def lay_on(pixels: Pixels, found: Map) -> Pixels:
    """Lay a map in [0, 1], shape (height, width), on an image in grey: uint8 of the image's shape."""
    grey = np.repeat(pixels.mean(axis=-1, keepdims=True), 3, axis=-1)
    colours = 255 * matplotlib.colormaps[COLOURS](found)[..., :3]
    weight = OPACITY * np.sqrt(found)[..., None]
    mixed: Pixels = np.rint((1 - weight) * grey + weight * colours).astype(np.uint8)
    return mixed
