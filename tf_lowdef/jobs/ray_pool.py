"""Ray's actors as workers: each holds a site, and does one unit after the other. Needs Ray."""

from __future__ import annotations

import time
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from tf_lowdef.jobs.units import Record, Unit
from tf_lowdef.threads import limit_cores

PATIENCE = 600.0
"""Seconds to wait for the first of all workers that are starting; a cluster may bring up machines for them."""

_DEPTH = 2
"""Units that a worker has at a time: one that is being done, and one that is on its way to it."""

_TRIES = 4
"""Workers that may be lost with a unit before it counts as what kills them."""

Step = Callable[[Any, Any], Record]


class Worker:
    """What runs in a process of its own; an actor, through `ray.remote`."""

    def open(self, make_site: Callable[[], Any], threads: int) -> None:
        """Make the site that the steps share."""
        limit_cores(threads)
        self._site = make_site()

    def do(self, step: Step, inputs: Any) -> Record:
        """Do the second half of a unit."""
        started = time.perf_counter()
        record = step(self._site, inputs)
        return replace(record, seconds=time.perf_counter() - started)


@dataclass
class _Task:
    """A unit that is to be done, which of all it is, and how often a worker was lost with it."""

    place: int
    unit: Unit
    step: Step
    inputs: Any
    lost: int = 0

    @property
    def share(self) -> int:
        """How much of a worker's depth it takes: all of it once one was lost, to tell what kills from what stood by."""
        return _DEPTH if self.lost else 1


class Pool:
    """Workers that units are handed to.

    Args:
        make_site: Makes the site in each of them.
        size: How many.
        cpus: Cores that each of them holds.
        gpus: GPUs that each of them holds.
    """

    def __init__(self, make_site: Callable[[], Any], size: int, cpus: int, gpus: float) -> None:
        self.size = size
        self._threads = cpus
        self._needs = _shown({"CPU": cpus, "GPU": gpus})
        self._make_site = ray.put(make_site)
        self._actor: Any = ray.remote(Worker).options(  # type: ignore[call-overload,unused-ignore]
            num_cpus=cpus, num_gpus=gpus, max_restarts=0, max_task_retries=0
        )
        self._load: dict[Any, int] = {}
        self._starting: dict[Any, Any] = {}
        self._busy: dict[Any, tuple[Any, _Task]] = {}
        self._waiting: list[_Task] = []
        self._submitted = 0
        self._false_starts = 0
        for _ in range(size):
            self._start()

    @property
    def has_room(self) -> bool:
        """Whether another unit should be prepared now."""
        return len(self._busy) + len(self._waiting) < _DEPTH * self.size

    def submit(self, unit: Unit, step: Step, inputs: Any) -> None:
        """Hand a unit to a worker, now or when one has room."""
        self._waiting.append(_Task(self._submitted, unit, step, inputs))
        self._submitted += 1
        self._dispatch()

    def wait(self) -> list[tuple[Unit, Record | Exception]]:
        """Wait until something happens; return the units that are done, with what came of them: maybe none.

        Raises:
            OSError: No worker starts, or each that does a unit is lost.
            Exception: What making a site raised in a worker.
        """
        # without workers that live, nothing but a start can happen
        patience = None if self._load else PATIENCE
        ready, _ = ray.wait([*self._busy, *self._starting], num_returns=1, timeout=patience)
        if not ready:
            there, free = _shown(ray.cluster_resources()), _shown(ray.available_resources())
            raise OSError(
                f"No worker could be started within {PATIENCE:.0f} s: each needs {self._needs}. "
                f"The cluster has {there}; free of these are {free}"
            )
        done = []
        for reference in ready:
            if reference in self._starting:
                self._welcome(reference)
            else:
                done += self._finish(reference)
        self._dispatch()
        return done

    def close(self) -> None:
        """End all workers."""
        for actor in {*self._load, *self._starting.values()}:
            ray.kill(actor)

    def _start(self) -> None:
        actor = self._actor.remote()
        self._starting[actor.open.remote(self._make_site, self._threads)] = actor

    def _welcome(self, reference: Any) -> None:
        """Take a worker that has started among those that units are handed to."""
        actor = self._starting.pop(reference)
        try:
            ray.get(reference)
        except RayTaskError as error:
            raise _cause(error) from error
        except RayError as error:
            self._false_starts += 1
            if self._false_starts > _TRIES * self.size:
                raise OSError(
                    f"{self._false_starts} workers were lost while they started. The last: {error}"
                ) from error
            self._start()
            return
        self._load[actor] = 0

    def _finish(self, reference: Any) -> list[tuple[Unit, Record | Exception]]:
        """Return what came of a unit; nothing if its worker was lost, and it is to be done again."""
        actor, task = self._busy.pop(reference)
        try:
            outcome = ray.get(reference)
        except RayTaskError as error:
            outcome = _cause(error)
        except RayError as error:
            self._lose(actor)
            task.lost += 1
            if task.lost >= _TRIES:
                return [
                    (task.unit, OSError(f"{task.unit.name}: {task.lost} workers were lost with it. The last: {error}"))
                ]
            insort(self._waiting, task, key=lambda each: each.place)
            return []
        if actor in self._load:
            self._load[actor] -= task.share
        return [(task.unit, outcome)]

    def _lose(self, actor: Any) -> None:
        """Start another worker in the place of one that is gone, once."""
        if self._load.pop(actor, None) is not None:
            ray.kill(actor)  # should it live, and only its result be lost
            self._start()

    def _dispatch(self) -> None:
        while self._waiting and self._load:
            actor = min(self._load, key=lambda each: self._load[each])
            task = self._waiting[0]
            if self._load[actor] + task.share > _DEPTH:
                return
            self._waiting.pop(0)
            self._load[actor] += task.share
            self._busy[actor.do.remote(task.step, task.inputs)] = (actor, task)


def _cause(error: RayTaskError) -> Exception:
    """Return the exception that a worker raised, as it would have been raised here."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, Exception) else error


def _shown(resources: dict[str, float]) -> str:
    return ", ".join(f"{resources.get(name, 0):g} {name}s" for name in ("CPU", "GPU"))
