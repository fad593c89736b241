"""The webp tool with ``--replace``: WebP files in the place of their originals."""

from __future__ import annotations

import os
import stat
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

from tf_lowdef.files import Scan, open_image, sync_folder, upright
from tf_lowdef.folders.kinds import is_animated
from tf_lowdef.folders.plan import ArgumentError, Unit, scan_source
from tf_lowdef.folders.run import Outcome, Progress, Summary, run_folder, write_failed, write_single
from tf_lowdef.folders.webp import WebPSettings, encode_file
from tf_lowdef.jobs import hold_folder


def replace_folder(
    source: str | os.PathLike[str],
    settings: WebPSettings | None = None,
    *,
    force: bool = False,
    progress: Progress | None = None,
    num_threads: int | None = None,
) -> Summary:
    """Replace the images of a folder by WebP files.

    An original goes only after its WebP file has reached the disk, has been read back and decoded. It stays where the
    WebP file would be larger, where it is WebP itself, a link, or has several frames (which would be lost), and fails
    where it is read-only. EXIF, XMP and the colour profile move into the WebP file.

    Args:
        source: The folder, gone through recursively.
        settings: How to encode.
        force: Whether to overwrite a file in the WebP file's place that is something else.
        progress: Called after every image.
        num_threads: Images at a time; None means one per core.

    Returns:
        What became of the images; failures also stand in ``source/failed.csv``.

    Raises:
        ArgumentError: `settings.decode` is set, or `source` is no folder.
        RunInUseError: An OSError: another process works on `source`.
        OSError: `source` cannot be read.
    """
    source, settings = Path(source), settings or WebPSettings()
    if settings.decode:
        raise ArgumentError("Originals are replaced by WebP files; --decode and --replace exclude each other")
    if not source.is_dir():
        raise ArgumentError(f"--replace wants a folder. Received: {source}")
    with hold_folder(source):
        return _replace_all(source, settings, force, progress, num_threads)


def _replace_all(
    source: Path, settings: WebPSettings, force: bool, progress: Progress | None, num_threads: int | None
) -> Summary:
    scan = scan_source(source, None)
    kept = [(path, _keeps(path)) for path in scan.images]
    scan.skipped.extend((path, reason) for path, reason in kept if reason)
    scan.images = [path for path, reason in kept if not reason]
    units = _units(source, scan)
    summary = run_folder(source, scan, units, lambda unit: _replace(unit, settings, force), progress, num_threads)
    write_failed(source, summary)
    return summary


def _units(source: Path, scan: Scan) -> list[Unit]:
    """Return the units; files that would become the same WebP file are failures.

    Names that depend on the other files, as elsewhere, would come out differently after an interruption, when some of
    the originals are gone.
    """
    count = Counter(os.fspath(path.with_suffix(".webp")).casefold() for path in scan.images)
    units = []
    for path in scan.images:
        target = path.with_suffix(".webp")
        if count[os.fspath(target).casefold()] > 1:
            scan.failed.append((path, f"another file would become {target.name} too: rename one of them"))
        else:
            units.append(Unit(path, target, os.fspath(path.relative_to(source))))
    return units


def _keeps(path: Path) -> str:
    """Return why a file is not replaced, as far as its name and kind tell."""
    if path.is_symlink():
        return "a link"
    return "already WebP" if path.suffix.lower() == ".webp" else ""


def _replace(unit: Unit, settings: WebPSettings, force: bool) -> Outcome:
    status = unit.source.stat()
    if not status.st_mode & stat.S_IWUSR:
        return Outcome("failed", "is read-only, so it is not replaced")
    with open_image(unit.source) as image:
        if is_animated(image):
            return Outcome("skipped", "has several frames or pages, which would be lost")
        if image.format == "WEBP":
            return Outcome("skipped", "already WebP")
    encoded = encode_file(unit.source, settings, _metadata)
    if isinstance(encoded, Outcome):
        return encoded
    data, notes = encoded
    if len(data) > status.st_size:
        return Outcome("skipped", "would be larger than the original")
    write_single(unit.target, data, force)
    _read_back(unit, data)
    if unit.source.stat().st_mtime_ns != status.st_mtime_ns:
        return Outcome("failed", "changed while it was read, so it is not replaced")
    sync_folder(unit.target.parent)
    unit.source.unlink()
    return Outcome("converted", before=status.st_size, after=len(data), notes=notes)


def _read_back(unit: Unit, data: bytes) -> None:
    if unit.target.read_bytes() != data:
        raise ValueError(f"{unit.target} does not hold what was written, so the original stays")
    with open_image(unit.target) as image:
        if image.format != "WEBP":
            raise ValueError(f"{unit.target} cannot be read back, so the original stays")


def _metadata(image: Image.Image) -> dict[str, Any]:
    info = upright(image).info
    return {key: info[key] for key in ("icc_profile", "exif", "xmp") if info.get(key)}
