"""The webp tool with ``--replace``: WebP files in the place of their originals."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from tf_lowdef.files import Like, Scan, open_image, sync_folder
from tf_lowdef.folders.contents import EXIF, PROFILE, RESOLUTION, TRANSPARENCY, XMP, Contents, named
from tf_lowdef.folders.encode import EncodedFile, WebPSettings, encode_open, read_contents
from tf_lowdef.folders.plan import ArgumentError, FileTask, scan_source
from tf_lowdef.folders.profiles import fits
from tf_lowdef.folders.run import FileOutcome, Progress, Summary, run_folder, write_failed, write_single
from tf_lowdef.jobs import hold_folder

_WHOLLY_READ = frozenset(
    {"BMP", "DIB", "GIF", "ICO", "JPEG", "MPO", "MSP", "PCX", "PNG", "PPM", "QOI", "SGI", "TGA", "TIFF"}
)
"""Formats of which Pillow, or `tf_lowdef.folders.contents`, reads all that there is. In others lie layers, smaller
copies, tables, depth maps, film, and nobody would tell."""

_KEPT = frozenset({EXIF, XMP, PROFILE, RESOLUTION, TRANSPARENCY})
"""What a WebP file can hold besides colours."""


def replace_folder(
    source: str | os.PathLike[str],
    settings: WebPSettings | None = None,
    *,
    force: bool = False,
    progress: Progress | None = None,
    num_threads: int | None = None,
) -> Summary:
    """Replace the images of a folder by WebP files.

    EXIF data, XMP and the colour profile move into the WebP file, which also gets the original's permissions, times,
    extended attributes and, where permitted, owner. An original goes only after its WebP file has reached the disk,
    has been read back and decoded, and only where that file holds all that can be read of the original but for what
    lossy coding takes from its pixels; with a lossless setting, all its pixels too. So it stays where it has several
    frames, pages or sizes, more than 8 bits a channel, colours of ink, PNG text, a comment, a colour profile that is
    not for RGB, or a film behind it; where it is of a format that may hold what Pillow does not read; where the WebP
    file would be larger; where it is WebP itself, a link, or what a link in the folder leads to. The summary says why.
    It fails where it is read-only.

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

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from tf_lowdef.files import write_png
        >>> from tf_lowdef.folders import WebPSettings, replace_folder
        >>> image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
        >>> Path("photos").mkdir()
        >>> write_png("photos/a.png", image)
        >>> summary = replace_folder("photos", WebPSettings(quality=60))
        >>> [path.name for path in Path("photos").glob("a.*")]
        ['a.webp']
    """
    source, settings = Path(source), settings or WebPSettings()
    if settings.decode:
        raise ArgumentError("Originals are replaced by WebP files; --decode and --replace exclude each other")
    if not source.is_dir():
        raise ArgumentError(f"--replace wants a folder. Received: {source}")
    settings = dataclasses.replace(settings, metadata=True)
    with hold_folder(source):
        return _replace_all(source, settings, force, progress, num_threads)


def _replace_all(
    source: Path, settings: WebPSettings, force: bool, progress: Progress | None, num_threads: int | None
) -> Summary:
    scan = scan_source(source, None)
    led_to = _led_to(scan.links)
    kept = [(path, _keeps(path, led_to)) for path in scan.images]
    scan.skipped.extend((path, reason) for path, reason in kept if reason)
    scan.images = [path for path, reason in kept if not reason]
    units = _units(source, scan)

    def work(unit: FileTask) -> FileOutcome:
        return _replace(unit, settings, force)

    summary = run_folder(source, scan, units, source, work, progress, num_threads)
    write_failed(source, summary)
    return summary


def _led_to(links: Iterable[Path]) -> set[Path]:
    """Return every path that these links lead to, with the links in between."""
    found = set()
    for link in links:
        path = link
        while path.is_symlink() and path not in found:
            path = Path(os.path.join(os.path.realpath(path.parent), path.readlink()))
            found.add(path)
        found.add(Path(os.path.realpath(path)))  # unlike `Path.resolve`, no error where links go in a circle
    return found


def _units(source: Path, scan: Scan) -> list[FileTask]:
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
            units.append(FileTask(path, target, os.fspath(path.relative_to(source))))
    return units


def _keeps(path: Path, led_to: set[Path]) -> str:
    """Return why a file is not replaced, as far as its name and place tell."""
    if path.is_symlink():
        return "a link"
    if led_to and Path(os.path.realpath(path)) in led_to:
        return "a link leads to it"
    return "already WebP" if path.suffix.lower() == ".webp" else ""


def _replace(unit: FileTask, settings: WebPSettings, force: bool) -> FileOutcome:
    status = unit.source.stat()
    if not status.st_mode & stat.S_IWUSR:
        return FileOutcome("failed", "is read-only, so it is not replaced")
    with open_image(unit.source) as image:
        if image.format == "WEBP":
            return FileOutcome("skipped", "already WebP")
        if image.format not in _WHOLLY_READ:
            return FileOutcome("skipped", f"{image.format} files may hold more than is read of them")
        parts = read_contents(unit.source, image)
        if unkept := _unkept(parts):
            return _stays(unkept, parts)
        encoded = encode_open(image, parts, settings)
    if isinstance(encoded, FileOutcome):
        return encoded
    if encoded.lost:
        return _stays(encoded.lost, parts)
    if len(encoded.data) > status.st_size:
        return FileOutcome("skipped", "would be larger than the original")
    write_single(unit.target, encoded.data, force, Like(unit.source, whole=True))
    _read_back(unit, encoded, settings)
    if _changed(status, unit.source.stat()):
        return FileOutcome("failed", "changed while it was read, so it is not replaced")
    sync_folder(unit.target.parent)
    unit.source.unlink()
    return FileOutcome("converted", before=status.st_size, after=len(encoded.data), notes=encoded.notes)


def _unkept(parts: Contents) -> list[str]:
    """Return the parts of a file that no WebP file can hold."""
    return [name for name in parts if name not in _KEPT or (name == PROFILE and not fits(parts[PROFILE], "RGB"))]


def _stays(unkept: Iterable[str], parts: Contents) -> FileOutcome:
    return FileOutcome("skipped", f"WebP would not keep its {', '.join(named(name, parts) for name in unkept)}")


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_mtime_ns, before.st_size, before.st_ino) != (after.st_mtime_ns, after.st_size, after.st_ino)


def _read_back(unit: FileTask, encoded: EncodedFile, settings: WebPSettings) -> None:
    """Raise ValueError where a new file does not hold what it should: its bytes, and the pixels that must be exact."""
    if unit.target.read_bytes() != encoded.data:
        raise ValueError(f"{unit.target} does not hold what was written, so the original stays")
    with open_image(unit.target) as image:
        if image.format != "WEBP" or not _same_pixels(image, encoded.pixels, settings):
            raise ValueError(f"{unit.target} cannot be read back, so the original stays")


def _same_pixels(image: Image.Image, pixels: Image.Image, settings: WebPSettings) -> bool:
    """Return whether a decoded file has an image's size, its transparency, and with lossless coding its colours."""
    if image.size != pixels.size:
        return False
    if settings.is_lossless and settings.near is None:
        return np.array_equal(np.asarray(image.convert(pixels.mode)), np.asarray(pixels))
    if pixels.mode != "RGBA":
        return True
    return np.array_equal(np.asarray(image.convert("RGBA"))[..., 3], np.asarray(pixels)[..., 3])
