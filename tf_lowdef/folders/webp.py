"""The webp tool: images as WebP files, or as the pixels that WebP leaves of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tf_lowdef.files import Scan, open_image, to_8_bit, write_bytes
from tf_lowdef.folders.kinds import depth_note, frame_note
from tf_lowdef.folders.near_lossless import near_lossless
from tf_lowdef.folders.output import clear, prepare
from tf_lowdef.folders.plan import ArgumentError, Unit, check_apart, scan_source, tree_targets
from tf_lowdef.folders.run import Outcome, Progress, Summary, add_up, foreign, run_folder, write_failed, write_single
from tf_lowdef.folders.spread import run_on_ray
from tf_lowdef.jobs import hold_folder
from tf_lowdef.jobs.ray import RayOptions
from tf_lowdef.webp.pillow import check_method, check_quality, check_side

LARGER = "larger-than-original"
"""The folder below the output folder for results that are larger than their originals."""

LOSSLESS_QUALITY = 100
"""The quality that the paper's batch tool, and this one, take to mean lossless. To cwebp and Pillow it is lossy."""


@dataclass(frozen=True)
class WebPSettings:
    """How to encode.

    Attributes:
        quality: 0 (smallest) to 100. For `lossless` and `near` it is the effort, and changes no pixel.
        method: 0 (fast) to 6 (slow).
        lossless: Whether to use the lossless codec; None means where `quality` is 100.
        near: Level of near-lossless preprocessing, 0 (coarsest) to 100 (none), followed by the lossless codec; None
            for none.
        decode: Whether the result is a PNG file of the pixels after the round trip instead of the WebP file.
        ignore_transparency: Whether images with a transparent pixel are skipped.

    Raises:
        ValueError: A value is out of its range, or `near` goes with ``lossless=False``.
    """

    quality: float = 60
    method: int = 4
    lossless: bool | None = None
    near: int | None = None
    decode: bool = False
    ignore_transparency: bool = False

    def __post_init__(self) -> None:
        check_quality(self.quality)
        check_method(self.method)
        if self.near is not None and not 0 <= self.near <= 100:
            raise ValueError(f"`near` must be an integer from 0 to 100. Received: near={self.near!r}")
        if self.near is not None and self.lossless is False:
            raise ValueError("`near` uses the lossless codec. Received: lossless=False")

    @property
    def is_lossless(self) -> bool:
        """Whether the lossless codec is used."""
        if self.near is not None:
            return True
        return self.quality == LOSSLESS_QUALITY if self.lossless is None else self.lossless

    @property
    def suffix(self) -> str:
        """The suffix of a result."""
        return ".png" if self.decode else ".webp"


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

    Images are encoded upright and in 8 bits, with their transparency, without metadata (see
    `tf_lowdef.files.read_rgb` for each mode); of an animation or several pages the first. The result decodes to
    exactly what Pillow gives at the same quality and method.

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
    """
    source, root, settings = Path(source), Path(out), settings or WebPSettings()
    if not source.is_dir():
        if ray is not None:
            raise ArgumentError(f"Ray's workers share out the images of a folder. Received: {source}")
        return _webp_file(source, root, settings, force)
    check_apart(source, root)
    if not root.exists():
        root.mkdir(parents=True)
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
    fresh = not prepare(root, identity, units, force)

    def there(unit: Unit) -> Outcome | None:
        if force or not unit.present():
            return None
        return foreign(unit) if fresh else Outcome("present")

    def work(unit: Unit) -> Outcome:
        return there(unit) or convert(unit, settings)

    if ray is None:
        summary = run_folder(source, scan, units, work, progress, num_threads)
    else:
        encode = partial(encode_file, settings=settings)
        summary = add_up(source, scan, units, run_on_ray(ray, units, there, encode, put, progress))
    write_failed(root, summary)
    return summary


def convert(unit: Unit, settings: WebPSettings) -> Outcome:
    """Encode one image and write the result; see `put`.

    Raises:
        ImageReadError: The image cannot be read.
        ValueError: It cannot be encoded: a side above 16,383 pixels, a mode with no way to RGB.
        OSError: The result cannot be written.
    """
    encoded = encode_file(unit.source, settings)
    if isinstance(encoded, Outcome):
        return encoded
    return put(unit, *encoded)


def put(unit: Unit, data: bytes, notes: tuple[str, ...]) -> Outcome:
    """Write one encoded image, aside where it is larger than the source.

    Raises:
        OSError: It cannot be written.
    """
    before = unit.source.stat().st_size
    target, other = unit.target, unit.aside
    if unit.aside is not None and len(data) > before:
        target, other = unit.aside, unit.target
        notes = (*notes, f"larger than the original, in {LARGER}")
    write_bytes(target, data)
    if other is not None and other.is_file():  # of a forced run over an image that has changed
        other.unlink()
    return Outcome("converted", before=before, after=len(data), notes=notes)


def encode_file(
    path: Path, settings: WebPSettings, metadata: Callable[[Image.Image], dict[str, Any]] | None = None
) -> tuple[bytes, tuple[str, ...]] | Outcome:
    """Return the bytes of an image's result and the notes on it, or the outcome of an image that is skipped.

    Args:
        path: The image.
        settings: How to encode.
        metadata: What to put into the WebP file besides pixels: Pillow's save options from the upright image.
    """
    with open_image(path) as image:
        notes = (*frame_note(image), *depth_note(path, image))
        pixels = to_8_bit(image)
        extra = metadata(image) if metadata is not None else {}
    if settings.ignore_transparency and pixels.mode == "RGBA" and pixels.getchannel("A").getextrema() != (255, 255):
        return Outcome("skipped", "has transparent pixels")
    data = encode_image(pixels, settings, **extra)
    return (_to_png(data) if settings.decode else data), notes


def encode_image(image: Image.Image, settings: WebPSettings, **metadata: Any) -> bytes:
    """Encode an image of mode RGB or RGBA as WebP.

    Raises:
        ValueError: A side is longer than 16,383 pixels.
    """
    check_side(image.height, image.width)
    if settings.near is not None:
        image = Image.fromarray(near_lossless(np.asarray(image), settings.near))
    lossless = settings.is_lossless
    buffer = BytesIO()
    image.save(
        buffer,
        "WEBP",
        quality=settings.quality,
        method=settings.method,
        lossless=lossless,
        exact=lossless,  # the colours of transparent pixels are pixels too
        **metadata,
    )
    return buffer.getvalue()


def _units(source: Path, root: Path, scan: Scan, settings: WebPSettings) -> list[Unit]:
    names = [path.relative_to(source) for path in scan.images]
    targets = tree_targets(names, lambda path: path.with_name(path.stem + settings.suffix))
    larger = LARGER
    while any(name.parts[0].casefold() == larger for name in names):
        larger += "_"
    return [
        Unit(source / name, root / target, os.fspath(name), None if settings.decode else root / larger / target)
        for name, target in targets.items()
    ]


def _webp_file(source: Path, out: Path, settings: WebPSettings, force: bool) -> Summary:
    target = out / (source.stem + settings.suffix) if out.is_dir() else out
    if source.exists() and (source.resolve() == target.resolve() or (target.exists() and source.samefile(target))):
        raise ArgumentError(f"The output must not be the input. Received: {target}")

    def work(unit: Unit) -> Outcome:
        encoded = encode_file(unit.source, settings)
        if isinstance(encoded, Outcome):
            return encoded
        data, notes = encoded
        if not write_single(target, data, force):
            return Outcome("present", notes=notes)
        return Outcome("converted", before=source.stat().st_size, after=len(data), notes=notes)

    return run_folder(source.parent, Scan(images=[source]), [Unit(source, target, os.fspath(source))], work)


def _to_png(data: bytes) -> bytes:
    buffer = BytesIO()
    with Image.open(BytesIO(data), formats=("WEBP",)) as image:
        image.save(buffer, "PNG")
    return buffer.getvalue()
