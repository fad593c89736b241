"""A classifier before and after a training, under every threat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tf_lowdef.attacks import BIM, FGSM
from tf_lowdef.evaluation import evaluate
from tf_lowdef.jobs import Folder, RemoteFolder
from tf_lowdef.jobs.progress import Progress
from tf_lowdef.models.adapter import as_classifier, say_range
from tf_lowdef.results import Results
from tf_lowdef.threats import ADAPTIVE, OBLIVIOUS, TRANSFER
from tf_lowdef.training.hardened import Hardened

BEFORE, AFTER = "before", "after"
"""The folders of the two evaluations, within that of the training."""

EPSILON = 4.0
"""In grey levels: of the attacks on what was trained without a bound."""


def compare(
    hardened: Hardened,
    before: Any,
    out: Folder | None = None,
    *,
    data: Any = None,
    epsilon: float | None = None,
    budget: str | None = "quick",
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    command: str | None = None,
) -> tuple[Results, Results]:
    """Evaluate a classifier before and after its training, on the same images, under every threat.

    Args:
        hardened: What the training came to.
        before: The model as it was, a pixel classifier: another object than the one that was trained in place.
        out: A folder; both evaluations go on where they stopped.
        data: Images for it, as for :func:`tf_lowdef.evaluate`. None takes the held-back ones, which chose the epoch:
            where that matters, give images that had no part in it.
        epsilon: Of the attacks, in grey levels; None takes the recipe's.
        budget: Of the adaptive attacker; see :func:`tf_lowdef.evaluate`.
        limit: Use at most this many images.
        seed: See there.
        progress: See there.
        command: The command line that asked for this.

    Returns:
        The results before, and those after. Each classifier is the other's surrogate in the transfer threat.
    """
    after = say_range(hardened.classifier)
    first = say_range(as_classifier(before))
    bound = epsilon or hardened.recipe.bound or EPSILON
    defences = ["none"] if hardened.defence.name == "none" else ["none", hardened.defence]

    def judge(name: str, model: Any, surrogate: Any) -> Results:
        return evaluate(
            model,
            hardened.held_back if data is None else data,
            [FGSM(bound), BIM(bound)],
            defences,
            threat=[OBLIVIOUS, TRANSFER, ADAPTIVE],
            out=None if out is None else _inside(out, name),
            seed=seed,
            limit=limit,
            budget=budget,
            surrogate=surrogate,
            progress=None if progress is None else _named(progress, name),
            command=command,
        )

    return judge(BEFORE, first, after), judge(AFTER, after, first)


def _inside(out: Folder, name: str) -> Folder:
    if isinstance(out, RemoteFolder) or "://" in str(out):
        return f"{str(out).rstrip('/')}/{name}"
    return Path(out) / name


def _named(progress: Progress, name: str) -> Progress:
    return lambda what, done, total: progress(f"{name.capitalize()}: {what[0].lower()}{what[1:]}", done, total)
