"""What a run is cut into: units, and the record that each leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Unit:
    """A piece of work.

    Attributes:
        name: What it is, unlike any other of the run: parts joined by ``/``, such as
            ``"oblivious/bim:4/batch-00003"``.
        task: What the work is given, in plain JSON values: the same record follows from the same task.
    """

    name: str
    task: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name and the task as one text; a stored record counts only for the same key."""
        return f"{self.name}\0{json.dumps(self.task, sort_keys=True)}"


@dataclass(frozen=True)
class Record:
    """What a unit leaves: all that later units and the results need of it.

    Attributes:
        arrays: By name; none of them holds Python objects.
        facts: Plain JSON values.
        files: Names of files that the unit wrote besides, relative to the run's folder, with ``/`` between the parts; a
            record whose files are gone or have changed does not count.
        seconds: The unit took; whoever runs it fills this in.
        contents: Files that are still to be written, by such names. Whoever keeps the record writes them before it, so
            that a unit may be done where the run's folder is out of reach.
        digests: A hash of what each file held when the record was written; whoever keeps it fills this in.

    Raises:
        ValueError: A file lies outside the run's folder.
    """

    arrays: Arrays = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    seconds: float = 0.0
    contents: Mapping[str, bytes] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.files, *self.contents):
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"A record's files lie in the run's folder. Received: {name!r}")

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return one of the arrays."""
        return self.arrays[name]


Work = Callable[[Unit], Record]
"""Does one unit. It writes its files, if any, whole (`tf_lowdef.files`), before it returns."""


@dataclass(frozen=True)
class SplitWork:
    """Work in two halves, the second of which can be done in another process, on another machine.

    Attributes:
        prepare: Gives what the step needs, in the process that drives the run: that of the data and the run's folder.
        step: Makes the record from a site and what `prepare` gave. It can be pickled, and reads and writes no file.
        site: What all steps share, such as a model, in this process; workers elsewhere have their own.
    """

    prepare: Callable[[Unit], Any]
    step: Callable[[Any, Any], Record]
    site: Any

    def __call__(self, unit: Unit) -> Record:
        """Do both halves here."""
        return self.step(self.site, self.prepare(unit))


class Runner(Protocol):
    """Does units, and keeps what they leave."""

    earlier: float

    def run(self, units: Iterable[Unit], work: Work) -> Iterator[Record]:
        """Yield the record of each unit, in order."""

    def find(self, unit: Unit) -> Record | None:
        """Return the record of a unit that is done, None otherwise."""


def cut(name: str, places: npt.NDArray[np.int64], size: int) -> list[Unit]:
    """Return units of at most `size` places each: ``NAME/batch-00000`` with the task ``{"places": [...]}``.

    Args:
        name: Of the work.
        places: int64, shape (n,): what is to be done.
        size: Of a batch.
    """
    return [
        Unit(f"{name}/batch-{number:05d}", {"places": places[start : start + size].tolist()})
        for number, start in enumerate(range(0, len(places), size))
    ]
