"""Units done one after the other in this process."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator

from tf_lowdef.jobs.store import Store
from tf_lowdef.jobs.units import Record, Unit, Work


class LocalRunner:
    """Does units in order, skipping those that are done already.

    Whatever ends the process, Ctrl-C or ``kill -9``, costs the unit that is being done, and no other.

    Args:
        store: Where finished units are kept; None keeps nothing.

    Attributes:
        earlier: Seconds that the units took which were found done.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.earlier = 0.0
        self._store = store

    def run(self, units: Iterable[Unit], work: Work) -> Iterator[Record]:
        """Yield the record of each unit, in order; a unit is done when its record is asked for, and no sooner.

        Args:
            units: Each is taken when its turn comes.
            work: Does one of them.

        Raises:
            OSError: A record cannot be written, for one because the disk is full.
            Exception: What `work` raises; the units before it are done.
        """
        for unit in units:
            record = self.find(unit)
            yield self._do(unit, work) if record is None else record

    def find(self, unit: Unit) -> Record | None:
        """Return the record of a unit that is done, None otherwise."""
        record = None if self._store is None else self._store.load(unit)
        if record is not None:
            self.earlier += record.seconds
        return record

    def _do(self, unit: Unit, work: Work) -> Record:
        started = time.perf_counter()
        record = work(unit)
        record = dataclasses.replace(record, seconds=time.perf_counter() - started)
        self._keep(unit, record)
        return record

    def _keep(self, unit: Unit, record: Record) -> None:
        if self._store is not None:
            self._store.save(unit, record)
