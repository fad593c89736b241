"""The folder that results go to: what made it, whether it may be cleared, and what is already in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tf_lowdef.files import write_text
from tf_lowdef.folders.plan import ArgumentError, FileTask

MARKER = ".tf_lowdef.json"
"""The file in an output folder that says which arguments its results were made with."""

_LEVELS = 100
"""How many levels of folders are removed at a time, far below the depth of Python's stack."""

Settings = Mapping[str, Any]


def read_marker(out: Path) -> dict[str, Any] | None:
    """Return what the marker of an output folder says, or None where there is none."""
    try:
        marker = json.loads((out / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return marker if isinstance(marker, dict) and "settings" in marker else None


def clear(out: Path, force: bool = False) -> None:
    """Empty an output folder; the marker goes last, so that a clearing that is cut short can be repeated.

    Args:
        out: The folder; it may be missing. Links in it are removed, what they lead to is not.
        force: Whether to clear a folder that this tool did not make, too.

    Raises:
        ArgumentError: `out` is a link, no folder, or was not made by this tool.
        OSError: Something in it cannot be removed.
    """
    if not os.path.lexists(out):
        return
    if out.is_symlink() or not out.is_dir():
        raise ArgumentError(f"Only a folder can be cleared, and not through a link. Received: {out}")
    marker = read_marker(out)
    if not force and any(out.iterdir()) and not (marker and marker.get("made")):
        raise ArgumentError(f"{out} was not made by this tool, so it is not cleared (--force clears it all the same)")
    for child in out.iterdir():
        if child.name == MARKER:
            continue
        if child.is_dir() and not child.is_symlink():
            _remove_tree(child)
        else:
            child.unlink()
    (out / MARKER).unlink(missing_ok=True)


def prepare(out: Path, settings: Settings, units: Iterable[FileTask], force: bool = False) -> bool:
    """Make the output folder ready for a run with these settings, and mark it as this run's.

    Results of other settings never count as this run's: without `force` they are an error, with it they go before
    the marker changes.

    Args:
        out: The folder; made where it is missing.
        settings: What the results depend on, as JSON values.
        units: The run's units.
        force: Whether everything is redone.

    Returns:
        Whether results that are already there were made with the same settings.

    Raises:
        ArgumentError: `out` is no folder, or holds results of other settings.
        OSError: It cannot be made or written to.
    """
    if out.exists() and not out.is_dir():
        raise ArgumentError(f"The output must be a folder where the input is one. Received: {out}")
    marker = read_marker(out)
    wanted = json.loads(json.dumps(settings))
    if marker is not None and marker["settings"] == wanted:
        return True
    if marker is not None:
        if not force:
            raise ArgumentError(
                f"{out} holds results of other arguments ({_difference(marker['settings'], wanted)}); "
                "take another folder, --clear it, or --force to redo them"
            )
        for unit in units:
            for path in (unit.target, unit.aside):
                if path is not None and path.is_file():
                    path.unlink()
    made = marker["made"] if marker is not None else not out.exists() or not any(out.iterdir())
    write_text(out / MARKER, json.dumps({"made": bool(made), "settings": wanted}, indent=1) + "\n")
    return False


def _remove_tree(folder: Path) -> None:
    """Remove a folder with all in it, but nothing that links in it lead to.

    `shutil.rmtree` does so safely, and calls itself for every level before Python 3.13; so the lower ones go first.
    """
    levels, deep, left = 0, [], [folder]
    while left:
        levels += 1
        if levels % _LEVELS == 0:
            deep.extend(left)
        left = [path for each in left for path in _folders_in(each)]
    for each in reversed(deep):
        shutil.rmtree(each)
    shutil.rmtree(folder)


def _folders_in(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return [folder / entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def _difference(there: Any, wanted: Mapping[str, Any]) -> str:
    there = there if isinstance(there, dict) else {}
    changed = [key for key in wanted if there.get(key) != wanted[key]]
    return ", ".join(f"{key} {there.get(key)}, now {wanted[key]}" for key in changed) or "fewer settings"
