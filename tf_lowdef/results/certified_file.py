"""``certified.csv``: what is proved of every image, by every smoothed classifier of a run."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from tf_lowdef.files import csv_text, open_text, read_cell
from tf_lowdef.results.certificate import Certificate, ImageCertificate
from tf_lowdef.results.smoothing import ABSTAIN

TABLE = "certified.csv"

COLUMNS = (
    "image", "class", "radius", "draws", "label", "correct", "votes", "defence", "sigma", "first_draws", "alpha",
    "part",
)  # fmt: skip
"""A class is empty where the smoothed classifier abstains; radius and sigma are for images in [0, 1]."""

NAMES = ("class_name", "label_name")

Key = tuple[str, float, str]


def to_table(certificates: Sequence[Certificate], class_names: Sequence[str | None] = ()) -> str:
    """Return a CSV of one line an image and certificate, with the names of the classes last, as far as they are known.

    Args:
        certificates: What to write.
        class_names: By class.
    """
    names = dict(enumerate(class_names))
    lines = [
        [
            each.image, "" if each.class_ == ABSTAIN else each.class_, each.radius, found.draws, each.label,
            int(each.correct), each.votes, str(found.defence), found.sigma, found.first_draws, found.alpha, found.part,
            names.get(each.class_) or "", names.get(each.label) or "",
        ]
        for found in certificates
        for each in found.per_image
    ]  # fmt: skip
    return csv_text([[*COLUMNS, *NAMES], *lines])


def read_table(path: Path) -> dict[Key, list[ImageCertificate]]:
    """Return what `to_table` wrote, by `key`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such table.
    """
    found: dict[Key, list[ImageCertificate]] = {}
    with open_text(path) as file:
        reader = csv.DictReader(file)
        if missing := sorted(set(COLUMNS) - set(reader.fieldnames or ())):
            raise ValueError(f"{path.name} has no column {', '.join(missing)}")
        for line in reader:
            if any(line[column] is None for column in COLUMNS):
                raise ValueError(f"{path.name} has lines of different lengths")
            of = (read_cell(line["defence"]), float(line["sigma"]), line["part"])
            class_ = int(line["class"]) if line["class"] else ABSTAIN
            image = ImageCertificate(
                read_cell(line["image"]), int(line["label"]), class_, int(line["votes"]), float(line["radius"])
            )
            found.setdefault(of, []).append(image)
    return found


def key(certificate: Certificate) -> Key:
    """Return what a certificate's lines are found by."""
    return str(certificate.defence), certificate.sigma, certificate.part


def with_images(certificate: Certificate, table: dict[Key, list[ImageCertificate]]) -> tuple[Certificate, str | None]:
    """Return a certificate with its images out of a table, and what is wrong with these; without them, where it is."""
    images = table.get(key(certificate), [])
    if len(images) != certificate.n:
        return certificate, f"{len(images)} of {certificate.n} images are listed"
    whole = dataclasses.replace(certificate, per_image=tuple(images))
    wrong = whole.disagreements()
    return (certificate, wrong[0]) if wrong else (whole, None)
