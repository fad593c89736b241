"""The units of a folder in Ray's workers: read and written here, done there, so that they need no disk in common."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tf_lowdef import jobs
from tf_lowdef.files import ImageReadError, read_file
from tf_lowdef.folders.plan import FileTask
from tf_lowdef.folders.run import FileOutcome, Progress, describe
from tf_lowdef.jobs.ray import RayOptions, RayRunner

_BATCH = 16
"""Files that go to a worker at once: a call of Ray takes a millisecond or so, and an image some ten."""

Encode = Callable[[Path], tuple[bytes, tuple[str, ...]] | FileOutcome]
"""Gives a result's bytes and the notes on it, or what became of an image without a result."""

Files = dict[int, tuple[str, bytes]]
"""Suffix and bytes of each file, by its place."""


def run_on_ray(
    options: RayOptions,
    units: Sequence[FileTask],
    there: Callable[[FileTask], FileOutcome | None],
    encode: Encode,
    put: Callable[[FileTask, bytes, tuple[str, ...]], FileOutcome],
    progress: Progress | None = None,
) -> Iterator[FileOutcome]:
    """Yield what becomes of each unit, in order; an error of one is its failure and stops nothing.

    Args:
        options: Where.
        units: What is to be done.
        there: Gives the outcome of a unit that need not be done, None otherwise.
        encode: Makes a result of a copy of the source, in a worker; it can be pickled.
        put: Writes a result, in this process.
        progress: Called after every unit.
    """
    known: dict[int, FileOutcome] = {}

    def prepare(batch: jobs.Unit) -> Files:
        files: Files = {}
        for place in batch.task["places"]:
            if (outcome := there(units[place])) is not None:
                known[place] = outcome
                continue
            try:
                files[place] = units[place].source.suffix, read_file(units[place].source)
            except ImageReadError as error:
                known[place] = FileOutcome("failed", error.reason)
        return files

    work = jobs.SplitWork(prepare, partial(_encode_all, encode=encode), None)
    batches = jobs.cut("files", np.arange(len(units)), _BATCH)
    with RayRunner(options, _no_site) as runner:
        for batch, record in zip(batches, runner.run(batches, work), strict=True):
            for place in batch.task["places"]:
                yield known.pop(place) if place in known else _finish(units[place], str(place), record, put)
                if progress is not None:
                    progress(place + 1, len(units))


def _no_site() -> None:
    """Return what the workers share: nothing."""


def _encode_all(_: None, files: Files, *, encode: Encode) -> jobs.Record:
    """Do some files: the results by place, and for each place the notes, or the status and the reason."""
    facts, contents = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for place, (suffix, data) in files.items():
            copy = Path(folder) / f"image{suffix}"
            try:
                copy.write_bytes(data)
                encoded = encode(copy)
            except Exception as error:
                encoded = FileOutcome("failed", describe(error))
            if isinstance(encoded, FileOutcome):
                facts[str(place)] = [encoded.status, encoded.reason]
            else:
                contents[str(place)], facts[str(place)] = encoded[0], list(encoded[1])
            copy.unlink(missing_ok=True)
    return jobs.Record(facts=facts, contents=contents)


def _finish(unit: FileTask, place: str, record: jobs.Record, put: Callable[..., FileOutcome]) -> FileOutcome:
    said = record.facts[place]
    if place not in record.contents:
        return FileOutcome(*said)
    try:
        return put(unit, record.contents[place], tuple(said))
    except Exception as error:
        return FileOutcome("failed", describe(error))
