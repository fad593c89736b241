"""``gallery/gallery.json``: a few examples of a run, so that its report can show them without the model."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_lowdef.files import open_text, write_text
from tf_lowdef.results.entries import read_as

FOLDER = "gallery"
FILE = "gallery.json"


@dataclass(frozen=True)
class View:
    """One image as one classifier saw it.

    Attributes:
        what: ``"clean"``, ``"adversarial"``, ``"defended"`` (the adversarial image behind the defence, as the
            classifier sees it) or ``"adaptive"``.
        attack: Such as ``"bim:4"``; ``"none"`` for the clean image.
        defence: What stood in front of the classifier; ``"none"`` for the bare one.
        image: The picture, relative to the run's folder.
        predicted: The class that the classifier gave it.
        predicted_name: Its name.
        confidence: The softmax of its logit.
        correct: Whether it is the true class.
        cam: The picture with its Grad-CAM map laid on it, relative to the run's folder; None where there is none.
        alike: Pearson's correlation of the map with that of the clean image before the bare classifier.
    """

    what: str
    attack: str
    defence: str
    image: str
    predicted: int
    predicted_name: str
    confidence: float
    correct: bool
    cam: str | None = None
    alike: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"`confidence` must be 0 to 1. Received: {self.confidence}")


@dataclass(frozen=True)
class Example:
    """One image of the run in all its views.

    Attributes:
        name: Its name in the run.
        label: Its true class.
        label_name: The class' name.
        story: What becomes of it, such as ``"rescued"``.
        views: The clean one first.
    """

    name: str
    label: int
    label_name: str
    story: str
    views: Sequence[View]


@dataclass(frozen=True)
class Gallery:
    """Some examples.

    Attributes:
        examples: The images.
        selection: How they were chosen, in words.
        no_cam: Why there are no Grad-CAM maps; None where there are.
    """

    examples: Sequence[Example]
    selection: str
    no_cam: str | None = None

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``gallery/gallery.json`` in a run's folder, whole or not at all."""
        text = json.dumps(dataclasses.asdict(self), indent=1, allow_nan=False)
        write_text(Path(folder) / FOLDER / FILE, text + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> Gallery:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: The run has no gallery.
            ValueError: It is damaged.
        """
        path = Path(folder) / FOLDER / FILE
        try:
            with open_text(path) as file:
                return read_as(cls, json.loads(file.read()))
        except FileNotFoundError:
            raise
        except (ValueError, RecursionError, OSError) as error:
            raise ValueError(f"{FOLDER}/{FILE} is damaged: {type(error).__name__}: {error}") from error
