"""The flip tool: the images of a folder mirrored as they are shown."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from tf_lowdef.files import Like, Scan, make_folders, write_bytes
from tf_lowdef.folders.mirror import is_written, mirror_file, written_formats
from tf_lowdef.folders.output import clear, prepare
from tf_lowdef.folders.plan import FileTask, check_apart, check_suffix, scan_source, tree_targets
from tf_lowdef.folders.run import FileOutcome, Progress, Summary, foreign, run_folder, write_failed, write_single
from tf_lowdef.jobs import hold_folder

MODES = {"horizontal": "_f", "vertical": "_fv", "both": "_fhv"}
"""What is mirrored, with the ending of a result beside its original; ``_f`` is the paper's script's."""


@dataclass(frozen=True)
class FlipSettings:
    """How to flip.

    Attributes:
        mode: "horizontal" (left-right), "vertical" (top-bottom) or "both".

    Raises:
        ValueError: `mode` is none of these.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from tf_lowdef.files import read_rgb, write_png
        >>> from tf_lowdef.folders import FlipSettings, flip_path
        >>> image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
        >>> Path("photos").mkdir()
        >>> write_png("photos/a.png", image)
        >>> summary = flip_path("photos", "flipped", FlipSettings("vertical"))
        >>> np.array_equal(read_rgb("flipped/a.png"), image[::-1])
        True
    """

    mode: str = "horizontal"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"`mode` must be one of {', '.join(MODES)}. Received: mode={self.mode!r}")


def flip_path(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    settings: FlipSettings | None = None,
    *,
    clear_out: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    num_threads: int | None = None,
) -> Summary:
    """Flip the images of a folder, or one image.

    Images are flipped as they are shown (the EXIF orientation is carried out first). PNG, TIFF, BMP, GIF, PPM, TGA,
    PCX, SGI, JPEG 2000 and WebP results hold exactly the mirrored pixels in the format, mode and palette of the
    original, WebP as lossless WebP; every result is read back and compared. JPEG is encoded again with the original's
    quantisation tables. AVIF and what Pillow cannot write (PSD, ...) come out as PNG. Of an animation or several
    pages the first is flipped. EXIF data, XMP, colour profiles, comments and PNG text are kept wherever the format
    holds them; what of the original is not in the result stands among the notes. Nobody may read a result who may not
    read the original.

    Args:
        source: A folder, gone through recursively, or an image.
        out: Where results go, with the source's tree kept; for an image, the file to write, whose suffix says in
            which format, or a folder. None puts each beside its original as ``{stem}_f{ext}`` (``_fv`` vertical,
            ``_fhv`` both); a file with such an ending whose original is there counts as a result and is not flipped.
        settings: How to flip; None means left-right.
        clear_out: Whether to empty `out` first (only a folder that this tool made, unless `force`).
        force: Whether to redo what is there.
        progress: Called after every image.
        num_threads: Images at a time; None means one per core.

    Returns:
        What became of the images. For a folder, failures also stand in `failed.csv` in `out` (or in `source`).

    Raises:
        ArgumentError: `out` is `source`, contains it, or holds results of other arguments.
        RunInUseError: An OSError: another process works on `out`, or on `source` where there is none.
        OSError: `source` cannot be read, or `out` not written to.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from tf_lowdef.files import read_rgb, write_png
        >>> from tf_lowdef.folders import flip_path
        >>> image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
        >>> Path("photos").mkdir()
        >>> write_png("photos/a.png", image)
        >>> summary = flip_path("photos", "flipped")
        >>> summary.converted, np.array_equal(read_rgb("flipped/a.png"), image[:, ::-1])
        (1, True)
    """
    source, settings = Path(source), settings or FlipSettings()
    if not source.is_dir():
        return _flip_file(source, None if out is None else Path(out), settings, force)
    root = source if out is None else Path(out)
    if out is not None:
        check_apart(source, root)
        if not root.exists():
            make_folders(root)
    with hold_folder(root):
        if clear_out and out is not None:
            clear(root, force)
        return _flip_folder(source, root, settings, force, progress, num_threads)


def _flip_folder(
    source: Path, root: Path, settings: FlipSettings, force: bool, progress: Progress | None, num_threads: int | None
) -> Summary:
    """Flip into `root`, or beside the originals where that is the source."""
    fresh = False
    if root == source:
        scan = scan_source(source, None)
        units = _beside(source, scan, MODES[settings.mode])
    else:
        scan = scan_source(source, root)
        targets = tree_targets([path.relative_to(source) for path in scan.images], _result_name)
        units = [FileTask(source / name, root / target, os.fspath(name)) for name, target in targets.items()]
        identity = {"tool": "flip", "source": os.fspath(source.resolve()), **asdict(settings)}
        fresh = not prepare(root, identity, units, force)

    def work(unit: FileTask) -> FileOutcome:
        if unit.present() and not force:
            return foreign(unit) if fresh else FileOutcome("present")
        data, notes = mirror_file(unit.source, settings.mode)
        write_bytes(unit.target, data, Like(unit.source))
        return FileOutcome("converted", before=unit.source.stat().st_size, after=len(data), notes=notes)

    summary = run_folder(source, scan, units, root, work, progress, num_threads)
    write_failed(root, summary)
    return summary


def _flip_file(source: Path, out: Path | None, settings: FlipSettings, force: bool) -> Summary:
    kind = None
    if out is None:
        target = _ending(source, MODES[settings.mode])
    else:
        target = out / _result_name(Path(source.name)) if out.is_dir() else out
        if source.exists():
            check_apart(source, target)
        if not out.is_dir():
            check_suffix(out, written_formats())
            kind = Image.registered_extensions().get(out.suffix.lower())

    def work(unit: FileTask) -> FileOutcome:
        data, notes = mirror_file(unit.source, settings.mode, kind)
        if not write_single(target, data, force, Like(unit.source)):
            return FileOutcome("present", notes=notes)
        return FileOutcome("converted", before=source.stat().st_size, after=len(data), notes=notes)

    units = [FileTask(source, target, os.fspath(source))]
    return run_folder(source.parent, Scan(images=[source]), units, target.parent, work)


def _beside(source: Path, scan: Scan, ending: str) -> list[FileTask]:
    """Return the units whose results lie beside their originals; results among the images are no units."""
    results = {_ending(path, each) for path in scan.images for each in MODES.values()}
    scan.images = [path for path in scan.images if path not in results]
    return [FileTask(path, _ending(path, ending), os.fspath(path.relative_to(source))) for path in scan.images]


def _result_name(path: Path) -> Path:
    """Return the name of a file's result: its own, with ``.png`` behind it where its format is not written."""
    return path if is_written(path.suffix) else path.with_name(path.name + ".png")


def _ending(path: Path, ending: str) -> Path:
    name = _result_name(path).name
    return path.with_name(path.stem + ending + name.removeprefix(path.stem))
