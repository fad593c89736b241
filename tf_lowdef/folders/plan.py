"""Which file becomes which: the units of a run, decided before the first image is opened."""

from __future__ import annotations

import mimetypes
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tf_lowdef.files import Scan, scan_folder


class ArgumentError(ValueError):
    """Arguments that cannot be meant: the output is the input, or holds results of other arguments.

    Example:
        >>> from pathlib import Path
        >>> from tf_lowdef.folders import ArgumentError, flip_path
        >>> Path("photos").mkdir()
        >>> try:
        ...     flip_path("photos", "photos")
        ... except ArgumentError as error:
        ...     print(error)
        The output must not be the input. Received: photos
    """


@dataclass(frozen=True)
class FileTask:
    """One file's work.

    Attributes:
        source: The image to read.
        target: Where its result goes.
        aside: Where its result goes instead if it is larger than the source; None where that is no question.
        name: What the source is called in reports: its path in the folder.
    """

    source: Path
    target: Path
    name: str
    aside: Path | None = None

    def present(self) -> Path | None:
        """Return the result's path if it is there already."""
        for path in (self.target, self.aside):
            if path is not None and os.path.lexists(path):
                return path
        return None


class Fence:
    """Keeps results inside their folder: none is written through a link that somebody has put there.

    Folders that were looked at once are not looked at again, so that a deep tree costs no more than its folders.
    """

    def __init__(self, root: Path) -> None:
        self._real = {root}

    def link_to(self, folder: Path) -> Path | None:
        """Return the link on the way to a folder that results go to, None where there is none."""
        passed = []
        while folder not in self._real and folder != folder.parent:
            if folder.is_symlink():
                return folder
            passed.append(folder)
            folder = folder.parent
        self._real.update(passed)
        return None

    def link_before(self, unit: FileTask) -> Path | None:
        """Return the link that a unit's result could be written through, None where there is none."""
        return self.link_to(unit.target.parent) or (unit.aside and self.link_to(unit.aside.parent))


def check_apart(source: Path, out: Path) -> None:
    """Raise ArgumentError where writing to `out` could touch the files of `source`."""
    inside, outside = source.resolve(), out.resolve()
    if inside == outside or (out.exists() and os.path.samefile(source, out)):
        raise ArgumentError(f"The output must not be the input. Received: {out}")
    if inside.is_relative_to(outside):
        raise ArgumentError(f"The output folder must not contain the input. Received: {out} for {source}")


def scan_source(source: Path, out: Path | None) -> Scan:
    """Return the images in a folder, without those below `out`, which are results."""
    scan = scan_folder(source)
    if out is not None and out.resolve().is_relative_to(source.resolve()):
        results = out.resolve()
        scan.images = [path for path in scan.images if not path.parent.resolve().is_relative_to(results)]
        scan.skipped = [item for item in scan.skipped if not item[0].parent.resolve().is_relative_to(results)]
    return scan


def check_suffix(out: Path, written: Collection[str]) -> None:
    """Raise ArgumentError where a file's name promises another image format than is written to it.

    Args:
        out: The file; a name without suffix, or with one of no image format, promises nothing.
        written: The formats that may be written, by Pillow's names.
    """
    suffix = out.suffix.lower()
    kind = Image.registered_extensions().get(suffix)
    is_image = kind is not None or (mimetypes.guess_type(f"a{suffix}")[0] or "").startswith("image/")
    if is_image and kind not in written:
        possible = [name for name, each in Image.registered_extensions().items() if each in written]
        raise ArgumentError(f"{suffix} files are not written here, but {', '.join(possible)}. Received: {out}")


def tree_targets(names: Iterable[Path], rename: Callable[[Path], Path]) -> dict[Path, Path]:
    """Give every relative path its relative target, so that no two are the same.

    ``rename(path)`` is the target where no other path wants it. Where several do (``a.png`` and ``a.jpg`` both want
    ``a.webp``), each keeps its whole name before the new suffix: ``a.png.webp``, ``a.jpg.webp``. Names that differ in
    case or Unicode normalisation alone count as the same, as they do on some file systems; they are numbered.
    """
    targets = {path: rename(path) for path in names}
    whole = {path: path.with_name(path.name + target.suffix) for path, target in targets.items()}
    clashing = _clashing(targets)
    while any(targets[path] != whole[path] for path in clashing):
        targets.update({path: whole[path] for path in clashing})
        clashing = _clashing(targets)
    taken = {_key(target) for path, target in targets.items() if path not in clashing}
    for path in sorted(clashing):
        target, number = whole[path], 1
        while _key(target) in taken:
            number += 1
            target = whole[path].with_name(f"{path.name}-{number}{whole[path].suffix}")
        taken.add(_key(target))
        targets[path] = target
    return targets


def _clashing(targets: dict[Path, Path]) -> list[Path]:
    count = Counter(_key(target) for target in targets.values())
    return [path for path, target in targets.items() if count[_key(target)] > 1]


def _key(path: Path) -> str:
    return unicodedata.normalize("NFC", os.fspath(path)).casefold()
