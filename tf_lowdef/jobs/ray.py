"""Units done by Ray's workers, on this machine or a cluster, under the same records as one after the other.

Ray's actors, not its tasks: a model is loaded and traced once in each worker and stays there, while Ray ends the
process of a task that holds a GPU when the task is over. Nor Ray Data: every map over a dataset brings up actors of its
own, so the dozens of stages of an adaptive run, each of which depends on what the one before has left, would each load
the model again; and it hands on tables, not records under names.

The process that drives a run reads the data, writes records and images, and holds the lock; workers get a batch and
return what is to be written, PNG files as bytes. So they need no disk in common, one process alone writes to the run's
folder, and a record is still written after its files.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tf_lowdef.jobs.local import LocalRunner
from tf_lowdef.jobs.store import Store
from tf_lowdef.jobs.units import Record, SplitWork, Unit, Work
from tf_lowdef.threads import available_cores
from tf_lowdef.validation import check_integer, check_number

_OBJECT_STORE = 512 * 2**20
"""Bytes that Ray may hold on this machine where it is started for a run: some batches for each worker, no more."""

_WINDOW = 4
"""Units for each worker that may be done before one that comes earlier is."""


@dataclass(frozen=True)
class RayOptions:
    """Where and with how much.

    Attributes:
        address: Of a cluster, such as ``"10.0.0.1:6379"``, ``"ray://10.0.0.1:10001"`` or ``"auto"``; None starts Ray on
            this machine, and stops it at the end.
        workers: Processes, each with a model; None takes as many as there is room for.
        gpus_per_worker: GPUs that each holds; a part of one, such as 0.5, lets two share it.
        cpus_per_worker: Cores that each holds, and TensorFlow's threads in it.

    Raises:
        ValueError: A number is out of its range.

    Example:
        >>> from tf_lowdef.jobs.ray import RayOptions
        >>> options = RayOptions(workers=2, cpus_per_worker=1)  # for ``evaluate(..., ray=options)``
        >>> options.address is None  # Ray is started on this machine
        True
    """

    address: str | None = None
    workers: int | None = None
    gpus_per_worker: float = 0
    cpus_per_worker: int = 1

    def __post_init__(self) -> None:
        if self.workers is not None:
            check_integer("workers", self.workers, 1)
        check_number("gpus_per_worker", self.gpus_per_worker, 0)
        check_integer("cpus_per_worker", self.cpus_per_worker, 1)


class RayRunner(LocalRunner):
    """Does units in as many workers as there are; a context manager, at the end of which the workers are gone.

    Units begin in order, a few for each worker ahead of the one that is asked for, and are kept as soon as they are
    done. Those of a lost worker go to the others, and another worker takes its place as soon as there is room for it.
    Work that is no `SplitWork` is done in this process.

    Args:
        options: Where and with how much.
        make_site: Makes the site of a `SplitWork`, once in every worker. It can be pickled.
        store: As for `LocalRunner`.

    Raises:
        ModuleNotFoundError: Ray is not installed.
        ConnectionError: There is no cluster at the address.
        ValueError: This machine lacks the GPUs asked for.
    """

    def __init__(self, options: RayOptions, make_site: Callable[[], Any], store: Store | None = None) -> None:
        super().__init__(store)
        self._options = options
        self._make_site = make_site
        self._exits = ExitStack()

    def __enter__(self) -> RayRunner:
        """Connect to Ray and start the workers."""
        check_installed()
        from tf_lowdef.jobs.ray_pool import Pool

        with ExitStack() as exits:
            options = self._options
            exits.enter_context(connected(options))
            self._pool = Pool(self._make_site, fitting(options), options.cpus_per_worker, options.gpus_per_worker)
            exits.callback(self._pool.close)
            self._exits = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers, and Ray if it was started for this run."""
        self._exits.close()

    def run(self, units: Iterable[Unit], work: Work) -> Iterator[Record]:
        """Yield the record of each unit, in order.

        Args:
            units: Each is taken when there is room for it.
            work: Does one of them.

        Raises:
            OSError: A record cannot be written; or no worker starts, or every worker that does a unit is lost.
            Exception: What `work` raises in a worker.
        """
        if not isinstance(work, SplitWork):
            yield from super().run(units, work)
            return
        source, ahead, found = iter(units), deque[Unit](), dict[str, Record]()
        more = True
        while more or ahead:
            while more and len(ahead) < _WINDOW * self._pool.size and self._pool.has_room:
                unit = next(source, None)
                if unit is None:
                    more = False
                    break
                self._begin(unit, work, found)
                ahead.append(unit)
            while ahead and ahead[0].name in found:
                yield found.pop(ahead.popleft().name)
            # without room for another unit there are some of a stage that was left early
            if ahead or (more and not self._pool.has_room):
                self._collect({unit.name for unit in ahead}, found)

    def _begin(self, unit: Unit, work: SplitWork, found: dict[str, Record]) -> None:
        record = self.find(unit)
        if record is None:
            self._pool.submit(unit, work.step, work.prepare(unit))
        else:
            found[unit.name] = record

    def _collect(self, wanted: set[str], found: dict[str, Record]) -> None:
        """Wait for units to be done, and keep them: those too that nobody waits for since their stage was over."""
        for unit, outcome in self._pool.wait():
            if isinstance(outcome, Record):
                self._keep(unit, outcome)
                if unit.name in wanted:
                    found[unit.name] = outcome
            elif unit.name in wanted:
                raise outcome


def check_installed() -> None:
    """Raise ModuleNotFoundError, with what to install, where there is no Ray."""
    try:
        import ray  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("--ray needs Ray: pip install 'tf_lowdef[ray]'", name="ray") from error


@contextmanager
def connected(options: RayOptions) -> Iterator[None]:
    """Be connected to Ray until the block ends; a connection that is there already is used, and stays.

    Raises:
        ConnectionError: There is no cluster at the address.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if options.address is None:
        cores = max(available_cores(), (options.workers or 1) * options.cpus_per_worker)
        # without a run's arguments going anywhere, and without a server that nobody asked for
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        settings |= {"num_cpus": cores, "include_dashboard": False, "object_store_memory": _OBJECT_STORE}
    ray.init(address=options.address or "local", **settings)
    try:
        yield
    finally:
        ray.shutdown()


def fitting(options: RayOptions) -> int:
    """Return how many workers to start.

    Raises:
        ValueError: Ray runs on this machine alone, which lacks the GPUs.
    """
    import ray

    there = ray.cluster_resources()
    cpus, gpus = there.get("CPU", 0), there.get("GPU", 0)
    if options.address is None and gpus < options.gpus_per_worker:
        raise ValueError(
            f"There are {gpus:g} GPUs on this machine. Received: gpus_per_worker={options.gpus_per_worker:g}"
        )
    if options.workers is not None:
        return options.workers
    rooms = [cpus // options.cpus_per_worker]
    if options.gpus_per_worker:
        rooms.append(gpus // options.gpus_per_worker)
    return max(1, int(min(rooms)))
