"""Runs the units of a folder, a thread per core, and adds up what became of them."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tf_lowdef.files import ImageReadError, Like, Scan, csv_text, remove_leftovers, write_bytes, write_text
from tf_lowdef.folders.plan import Fence, FileTask
from tf_lowdef.threads import available_cores

HEADER = "file,reason"
"""First line of `failed.csv`; a file of that name that begins otherwise is not ours and stays."""

Progress = Callable[[int, int], None]
"""Called with how many units are done, and of how many."""


@dataclass(frozen=True)
class FileOutcome:
    """What became of one unit.

    Attributes:
        status: "converted", "present" (there already), "skipped" or "failed".
        reason: Why, where it was skipped or failed.
        before: Size of the source in bytes, where it was converted.
        after: Size of the result in bytes.
        notes: What the reader should know of the result, such as "first frame of an animation".
    """

    status: str
    reason: str = ""
    before: int = 0
    after: int = 0
    notes: tuple[str, ...] = ()


@dataclass
class Summary:
    """What became of a folder.

    Attributes:
        scanned: Files with an image's extension, links among them.
        converted: Results written in this run.
        present: Results that were there already.
        skipped: Files passed over, each with the reason.
        failed: Files that failed, each with the reason.
        before: Bytes of the sources of the results written.
        after: Bytes of these results.
        notes: How many files each note holds for.
        failed_csv: Where `failed` was written, or None.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from tf_lowdef.files import write_png
        >>> from tf_lowdef.folders import flip_path
        >>> image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
        >>> Path("photos").mkdir()
        >>> write_png("photos/a.png", image)
        >>> summary = flip_path("photos", "flipped")
        >>> summary.scanned, summary.converted, summary.failed
        (1, 1, [])
        >>> flip_path("photos", "flipped").present  # what is done is not done again
        1
    """

    scanned: int = 0
    converted: int = 0
    present: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    before: int = 0
    after: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    failed_csv: Path | None = None

    @property
    def saved(self) -> int:
        """Bytes saved by the results written in this run; negative where they are larger."""
        return self.before - self.after

    def add(self, name: str, outcome: FileOutcome) -> None:
        """Count one unit."""
        self.notes.update(outcome.notes)
        if outcome.status == "converted":
            self.converted += 1
            self.before += outcome.before
            self.after += outcome.after
        elif outcome.status == "present":
            self.present += 1
        elif outcome.status == "skipped":
            self.skipped.append((name, outcome.reason))
        else:
            self.failed.append((name, outcome.reason))


def run_folder(
    source: Path,
    scan: Scan,
    units: Sequence[FileTask],
    root: Path,
    work: Callable[[FileTask], FileOutcome],
    progress: Progress | None = None,
    num_threads: int | None = None,
) -> Summary:
    """Work through a folder's units and return what became of everything that the scan found.

    A unit whose result would be written through a link below `root` is not begun, and is a failure. An error of one
    unit is that unit's failure and stops nothing. On KeyboardInterrupt the units at work are finished, no more are
    begun, and the exception goes on.
    """
    fence = Fence(root)

    def inside(unit: FileTask) -> FileOutcome:
        return planted(fence, unit) or work(unit)

    return add_up(source, scan, units, fence, _run(units, inside, progress, num_threads))


def add_up(
    source: Path, scan: Scan, units: Sequence[FileTask], fence: Fence, outcomes: Iterable[FileOutcome]
) -> Summary:
    """Return what became of everything that a scan found.

    Temporary files that a killed run left in the folders written to are removed before the first outcome is taken.

    Args:
        source: The folder.
        scan: What was found in it.
        units: What is to be done.
        fence: Around the folder that the results go to.
        outcomes: What comes of each unit, in order; it may be done as they are taken.
    """
    summary = Summary(scanned=len(scan.images) + len(scan.skipped))
    summary.skipped.extend((_name(path, source), reason) for path, reason in scan.skipped)
    summary.failed.extend((_name(path, source), reason) for path, reason in scan.failed)
    for folder in {path.parent for unit in units for path in (unit.target, unit.aside) if path is not None}:
        if fence.link_to(folder) is None:
            remove_leftovers(folder)
    for unit, outcome in zip(units, outcomes, strict=True):
        summary.add(unit.name, outcome)
    summary.skipped.sort()
    summary.failed.sort()
    return summary


def write_failed(folder: Path, summary: Summary) -> None:
    """Write `failed.csv` (file, reason) into a folder, or remove an older run's where nothing failed.

    A `failed.csv` that this tool did not write stays as it is; ours is then called `failed_1.csv` and so on. Where it
    cannot be written, that is a failure more, and `summary.failed_csv` stays None.
    """
    try:
        summary.failed_csv = _write_failed(folder, summary)
    except OSError as error:
        summary.failed.append(("failed.csv", f"cannot be written: {describe(error)}"))


def write_single(path: Path, data: bytes, force: bool, like: Like) -> bool:
    """Write a result to a place where something may lie already.

    Args:
        path: The file to write.
        data: What it is to hold.
        force: Whether to overwrite what is there.
        like: Whose permissions it gets.

    Returns:
        Whether it was written; False where `path` held the same bytes already.

    Raises:
        ValueError: `path` holds something else, and `force` is off.
        OSError: It cannot be written.
    """
    if os.path.lexists(path) and not force:
        if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
            return False
        raise ValueError(f"{path} exists and holds something else (--force overwrites it)")
    write_bytes(path, data, like)
    return True


def foreign(unit: FileTask) -> FileOutcome:
    """Return the outcome of a unit in whose result's place lies a file that this tool cannot have put there."""
    return FileOutcome("failed", f"{unit.present()} exists and is no result of this tool (--force overwrites it)")


def planted(fence: Fence, unit: FileTask) -> FileOutcome | None:
    """Return the outcome of a unit whose result would be written through a link, None where it would not."""
    link = fence.link_before(unit)
    return FileOutcome("failed", f"{link} is a link, and nothing is written through it") if link is not None else None


def describe(error: Exception) -> str:
    """Return why a unit failed, on one line and without the file's name, which stands beside it."""
    if isinstance(error, ImageReadError):
        return error.reason
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f": {os.fspath(error.filename)}"
        return f"{error.strerror}{where}"
    text = " ".join(str(error).split())
    return text if text and isinstance(error, ValueError) else f"{type(error).__name__}: {text}".rstrip(": ")


def _run(
    units: Sequence[FileTask],
    work: Callable[[FileTask], FileOutcome],
    progress: Progress | None,
    num_threads: int | None,
) -> Iterator[FileOutcome]:
    stop = threading.Event()

    def guarded(unit: FileTask) -> FileOutcome:
        if stop.is_set():
            return FileOutcome("failed", "interrupted")
        try:
            return work(unit)
        except Exception as error:
            return FileOutcome("failed", describe(error))

    pool = ThreadPoolExecutor(num_threads or available_cores())
    try:
        for done, outcome in enumerate(pool.map(guarded, units), 1):
            if progress is not None:
                progress(done, len(units))
            yield outcome
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _write_failed(folder: Path, summary: Summary) -> Path | None:
    path = folder / "failed.csv"
    number = 0
    while os.path.lexists(path) and not _is_ours(path):
        number += 1
        path = folder / f"failed_{number}.csv"
    if not summary.failed:
        path.unlink(missing_ok=True)
        return None
    write_text(path, csv_text([HEADER.split(","), *summary.failed]))
    return path


def _name(path: Path, source: Path) -> str:
    return os.fspath(path.relative_to(source)) if path.is_relative_to(source) else os.fspath(path)


def _is_ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\n") == HEADER
