"""What a run is cut into: units, and the record that each leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
        files: Files that the unit wrote besides; a record whose files are gone does not count.
        seconds: The unit took; whoever runs it fills this in.
    """

    arrays: Arrays = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    seconds: float = 0.0

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return one of the arrays."""
        return self.arrays[name]


Work = Callable[[Unit], Record]
"""Does one unit. It writes its files, if any, whole (`tf_lowdef.files`), before it returns."""


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
