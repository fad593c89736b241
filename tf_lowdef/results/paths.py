"""Where the pictures of a run lie in its folder."""

from __future__ import annotations

import re

from tf_lowdef.results.row import Row
from tf_lowdef.threats import OBLIVIOUS, knows_defence

IMAGES = "adversarial"
"""The folder in a run's folder that holds adversarial images."""


def adversarial_picture(row: Row, name: str) -> str:
    """Return where an adversarial image lies in its run's folder, with forward slashes."""
    defence = row.defence if knows_defence(row.threat) else ""
    return f"{image_folder(row.threat or OBLIVIOUS, row.attack, defence)}/{name}.png"


def image_folder(threat: str, attack: str, defence: str = "") -> str:
    """Return where in a run's folder adversarial images lie.

    ``adversarial/bim-4``, ``adversarial/transfer/bim-4``, ``adversarial/adaptive/webp-60-flip/bim-4``.
    """
    parts = [threat] if threat != OBLIVIOUS else []
    return "/".join([IMAGES, *(folder_name(part) for part in (*parts, defence, attack) if part)])


def folder_name(name: str) -> str:
    """Return an attack's or a defence's name as a folder's: ``"bim:4,steps=20"`` becomes ``"bim-4-steps-20"``.

    A semicolon becomes a tilde, since ``gate(webp:60;flip)`` is another gate than ``gate(webp:60+flip)``.
    """
    return re.sub(r"[^A-Za-z0-9._~]", "-", name.replace("~", "-").replace(";", "~"))
