"""The webp tool: images as WebP files, or as the pixels that WebP leaves of them."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tf_lowdef.files import Like, Scan, make_folders, write_bytes
from tf_lowdef.folders.encode import WebPSettings, encode_file
from tf_lowdef.folders.output import clear, prepare
from tf_lowdef.folders.plan import ArgumentError, Fence, FileTask, check_apart, check_suffix, scan_source, tree_targets
from tf_lowdef.folders.run import (
    FileOutcome,
    Progress,
    Summary,
    add_up,
    foreign,
    planted,
    run_folder,
    write_failed,
    write_single,
)
from tf_lowdef.folders.spread import run_on_ray
from tf_lowdef.jobs import hold_folder
from tf_lowdef.jobs.ray import RayOptions

LARGER = "larger-than-original"
"""The folder below the output folder for results that are larger than their originals."""


def webp_path(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: WebPSettings | None = None,
    *,
    clear_out: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    num_threads: int | None = None,
    ray: RayOptions | None = None,
) -> Summary:
    """Encode the images of a folder, or one image, as WebP.

    Images are encoded upright and in 8 bits, with their transparency (see `tf_lowdef.files.read_rgb` for each mode),
    without metadata unless `settings` say so; of an animation or several pages the first. The result decodes to
    exactly what Pillow gives at the same quality and method, and nobody may read it who may not read the original.
    What of the original is not in it stands among the notes.

    Args:
        source: A folder, gone through recursively, or an image.
        out: Where results go, with the source's tree kept; for an image, the file to write, or a folder.
        settings: How to encode.
        clear_out: Whether to empty `out` first (only a folder that this tool made, unless `force`).
        force: Whether to redo what is there.
        progress: Called after every image.
        num_threads: Images at a time; None means one per core.
        ray: Where Ray's workers encode the images of a folder; None encodes in this process. The files are the same.

    Returns:
        What became of the images. For a folder, failures also stand in ``out/failed.csv``.

    Raises:
        ArgumentError: `out` is `source`, contains it, or holds results of other arguments; or `ray` is given for one
            image.
        RunInUseError: An OSError: another process works on `out`.
        OSError: `source` cannot be read, or `out` not written to.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from tf_lowdef.files import read_rgb, write_png
        >>> from tf_lowdef.folders import webp_path
        >>> image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
        >>> Path("photos").mkdir()
        >>> write_png("photos/a.png", image)
        >>> summary = webp_path("photos", "small")
        >>> [path.name for path in Path("small").glob("*.webp")]
        ['a.webp']
        >>> from tf_lowdef import webp
        >>> np.array_equal(read_rgb("small/a.webp"), webp.roundtrip(image, quality=60))
        True
    """
    source, root, settings = Path(source), Path(out), settings or WebPSettings()
    if not source.is_dir():
        if ray is not None:
            raise ArgumentError(f"Ray's workers share out the images of a folder. Received: {source}")
        return _webp_file(source, root, settings, force)
    check_apart(source, root)
    if not root.exists():
        make_folders(root)
    with hold_folder(root):
        if clear_out:
            clear(root, force)
        return _webp_folder(source, root, settings, force, progress, num_threads, ray)


def _webp_folder(
    source: Path,
    root: Path,
    settings: WebPSettings,
    force: bool,
    progress: Progress | None,
    num_threads: int | None,
    ray: RayOptions | None,
) -> Summary:
    scan = scan_source(source, root)
    units = _units(source, root, scan, settings)
    identity = {"tool": "webp", "source": os.fspath(source.resolve()), **asdict(settings)}
    if not settings.metadata:  # folders that were made before there was a choice go on
        del identity["metadata"]
    fresh = not prepare(root, identity, units, force)

    def there(unit: FileTask) -> FileOutcome | None:
        if force or not unit.present():
            return None
        return foreign(unit) if fresh else FileOutcome("present")

    def work(unit: FileTask) -> FileOutcome:
        return there(unit) or convert(unit, settings)

    if ray is None:
        summary = run_folder(source, scan, units, root, work, progress, num_threads)
    else:
        fence = Fence(root)

        def known(unit: FileTask) -> FileOutcome | None:
            return planted(fence, unit) or there(unit)

        encode = partial(encode_file, settings=settings)
        summary = add_up(source, scan, units, fence, run_on_ray(ray, units, known, encode, put, progress))
    write_failed(root, summary)
    return summary


def convert(unit: FileTask, settings: WebPSettings) -> FileOutcome:
    """Encode one image and write the result; see `put`.

    Raises:
        ImageReadError: The image cannot be read.
        ValueError: It cannot be encoded: a side above 16,383 pixels, a mode with no way to RGB.
        OSError: The result cannot be written.
    """
    encoded = encode_file(unit.source, settings)
    if isinstance(encoded, FileOutcome):
        return encoded
    return put(unit, *encoded)


def put(unit: FileTask, data: bytes, notes: tuple[str, ...]) -> FileOutcome:
    """Write one encoded image, aside where it is larger than the source.

    Raises:
        OSError: It cannot be written.
    """
    before = unit.source.stat().st_size
    target, other = unit.target, unit.aside
    if unit.aside is not None and len(data) > before:
        target, other = unit.aside, unit.target
        notes = (*notes, f"larger than the original, in {LARGER}")
    write_bytes(target, data, Like(unit.source))
    if other is not None and other.is_file():  # of a forced run over an image that has changed
        other.unlink()
    return FileOutcome("converted", before=before, after=len(data), notes=notes)


def _units(source: Path, root: Path, scan: Scan, settings: WebPSettings) -> list[FileTask]:
    names = [path.relative_to(source) for path in scan.images]
    targets = tree_targets(names, lambda path: path.with_name(path.stem + settings.suffix))
    larger = LARGER
    while any(name.parts[0].casefold() == larger for name in names):
        larger += "_"
    return [
        FileTask(source / name, root / target, os.fspath(name), None if settings.decode else root / larger / target)
        for name, target in targets.items()
    ]


def _webp_file(source: Path, out: Path, settings: WebPSettings, force: bool) -> Summary:
    target = out / (source.stem + settings.suffix) if out.is_dir() else out
    if source.exists() and (source.resolve() == target.resolve() or (target.exists() and source.samefile(target))):
        raise ArgumentError(f"The output must not be the input. Received: {target}")
    check_suffix(target, ["PNG" if settings.decode else "WEBP"])

    def work(unit: FileTask) -> FileOutcome:
        encoded = encode_file(unit.source, settings)
        if isinstance(encoded, FileOutcome):
            return encoded
        data, notes = encoded
        if not write_single(target, data, force, Like(unit.source)):
            return FileOutcome("present", notes=notes)
        return FileOutcome("converted", before=source.stat().st_size, after=len(data), notes=notes)

    units = [FileTask(source, target, os.fspath(source))]
    return run_folder(source.parent, Scan(images=[source]), units, target.parent, work)
