"""Where the pictures of a run lie in its folder."""

from __future__ import annotations

from tf_lowdef.evaluation.grid import ADAPTIVE, image_folder
from tf_lowdef.evaluation.results import Row


def adversarial_picture(row: Row, name: str) -> str:
    """Return where an adversarial image lies in its run's folder, with forward slashes."""
    defence = row.defence if row.threat == ADAPTIVE else ""
    return f"{image_folder(row.threat, row.attack, defence)}/{name}.png"
