"""Where the units of a run are done, and where what they come to is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from tf_lowdef.evaluation.models.remote import write_recipe
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.jobs import Folder, LocalRunner, Runner, open_run, working_folder
from tf_lowdef.jobs.ray import RayOptions, RayRunner


class Work(NamedTuple):
    """A run that is under way.

    Attributes:
        runner: Does the units.
        folder: Where results go; None for nowhere.
        started: When it was begun, which may be in an earlier process.
    """

    runner: Runner
    folder: Path | None
    started: datetime


@contextmanager
def open_work(
    out: Folder | None, identity: Mapping[str, Any], site: RunModels, ray: RayOptions | None
) -> Iterator[Work]:
    """Yield a run that is begun, or goes on.

    Args:
        out: Its folder, see `open_run`; None keeps nothing.
        identity: What it is; another run in the folder is an error.
        site: What Ray's workers make again from its description.
        ray: Where they are; None does the units in this process.
    """
    with ExitStack() as exits:
        place = None if out is None else exits.enter_context(working_folder(out))
        store = None if place is None else exits.enter_context(open_run(place, identity))
        runner = exits.enter_context(RayRunner(ray, write_recipe(site), store)) if ray else LocalRunner(store)
        if store is None:
            yield Work(runner, None, datetime.now(timezone.utc))
        else:
            yield Work(runner, store.folder, store.started)
