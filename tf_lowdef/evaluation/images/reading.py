"""The images of a run, read and compared with those that were classified when it began."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tf_lowdef.data.image_data import ImageData, Pixels
from tf_lowdef.evaluation.images.selection import Selection, image_digest, stack
from tf_lowdef.evaluation.images.spool import Spool
from tf_lowdef.jobs import Record, RunMismatchError, Runner, Unit


def read_images(data: ImageData, selection: Selection, batch_size: int, folder: Path | None, runner: Runner) -> Spool:
    """Read the selected images.

    One that has vanished since it was classified is skipped, named and counted. Once that is settled it stays so: a run
    that goes on needs all the images that it had.

    Args:
        data: The images.
        selection: Which to read; what cannot be read joins its `skipped`.
        batch_size: How many to read at a time.
        folder: Where the spool lies.
        runner: Keeps which images the run uses.

    Raises:
        RunMismatchError: An image has changed since it was classified, or one that the run used cannot be read.
        ValueError: None can be read.
    """
    unit = Unit("images", {"places": selection.indices})
    before = runner.find(unit)
    vanished: list[tuple[int, str]] = [] if before is None else [tuple(each) for each in before.facts["vanished"]]
    lost = {index for index, _ in vanished}
    wanted = [index for index in selection.indices if index not in lost]
    spool = Spool(folder)
    for start in range(0, len(wanted), batch_size):
        indices = wanted[start : start + batch_size]
        pixels, failed = data.read_batch(indices)
        if failed and before is not None:
            index, reason = next(iter(failed.items()))
            raise RunMismatchError(
                f"{data.source}: {data.names[index]!r} was there when the run began ({reason}). Put it back, and the "
                "same command goes on"
            )
        vanished += list(failed.items())
        indices = [index for index in indices if index not in failed]
        _compare(data, selection, indices, pixels)
        if indices:
            spool.add(stack(pixels, data.source), data.labels[indices], [data.names[index] for index in indices])
    selection.skipped += [(data.names[index], reason) for index, reason in vanished]
    if not len(spool):
        raise ValueError(f"{data.source}: every image vanished while it was read. The first: {selection.skipped[0][1]}")
    if before is None:
        next(runner.run([unit], lambda _: Record(facts={"vanished": vanished})))
    return spool


def _compare(data: ImageData, selection: Selection, indices: Sequence[int], pixels: Sequence[Pixels]) -> None:
    """Raise RunMismatchError for an image that is not the one that was classified."""
    for index, image in zip(indices, pixels, strict=True):
        if image_digest(image) != selection.digests[index]:
            raise RunMismatchError(
                f"{data.source}: {data.names[index]!r} has changed since the run began. Put the old one back, or "
                "begin a new run in another folder (--restart, on the command line, moves this one aside)"
            )
