"""``tf_lowdef.evaluate``: attack a classifier, put defences in front of it, count."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from tf_lowdef.attacks import Attack, parse_attack
from tf_lowdef.evaluation.checks import (
    check_labels,
    clean_accuracy_warnings,
    probability_warnings,
    zero_gradient_warnings,
)
from tf_lowdef.evaluation.dataset import ImageData, load_data
from tf_lowdef.evaluation.grid import OBLIVIOUS, Grid
from tf_lowdef.evaluation.predict import Predictor, class_count, input_size
from tf_lowdef.evaluation.results import CLEAN, Results
from tf_lowdef.evaluation.run import describe_run, new_run_folder
from tf_lowdef.evaluation.selection import Selection, select_images, stack
from tf_lowdef.layers import defence_spec, parse_defence

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many steps of it are done, and how many there are."""

DEFAULT_ATTACKS = ("fgsm:4", "bim:4", "deepfool")
DEFAULT_DEFENCES = ("none", "flip", "webp:60", "webp:60+flip")
THREATS = (OBLIVIOUS,)


def evaluate(
    model: Any,
    data: Any,
    attacks: Sequence[str | Attack] = DEFAULT_ATTACKS,
    defences: Sequence[str | Sequence[Any]] = DEFAULT_DEFENCES,
    threat: str | Sequence[str] = (OBLIVIOUS,),
    out: str | Path | None = None,
    seed: int = 0,
    *,
    limit: int | None = None,
    only_correct: bool = False,
    batch_size: int = 32,
    progress: Progress | None = None,
    command: str | None = None,
) -> Results:
    """Attack a classifier, put defences in front of it, and count what each of them is worth.

    In the oblivious threat model the bare classifier is attacked once by each attack, and every defence is tried on
    those images. That flatters any defence: an attacker who knows of it does better.

    An image goes through these steps, all at the model's input size: decode, resize (Pillow, bicubic), attack, round
    to 8 bits, defend, classify.

    Args:
        model: A Keras classifier from pixels in [0, 255], shape (batch, height, width, 3), to logits, such as
            ``load_application`` gives.
        data: A CSV with the columns ``file,label``; a folder of class folders named by index or wnid; or a pair
            (images, labels) of uint8 of shape (n, height, width, 3) and integers of shape (n,).
        attacks: Texts such as ``"bim:4"`` (epsilons in grey levels of 255), or :class:`Attack` objects.
        defences: Texts such as ``"webp:60+flip"``, or sequences of the layers themselves.
        threat: ``"oblivious"``.
        out: A new or empty folder for the results and the adversarial images; None writes nothing.
        seed: Decides which images a `limit` draws, and every random number of an attack.
        limit: Use at most this many images.
        only_correct: Use only images that the bare model classifies correctly.
        batch_size: Images in a forward pass.
        progress: Called as the work goes on.
        command: The command line that asked for this, for the report.

    Returns:
        The rows, and what was run.

    Raises:
        FileNotFoundError: There is no such data.
        FileExistsError: `out` holds files already.
        ValueError: An argument is wrong, a label has no class in the model, no image can be used, or an attack cannot
            work with this model. A single image that cannot be read is skipped, named and counted instead.
    """
    started, clock = datetime.now(timezone.utc), time.perf_counter()
    _check_arguments(threat, limit, batch_size)
    by_attack, by_defence = name_attacks(attacks), name_defences(defences)
    size, classes = input_size(model), class_count(model)
    images = load_data(data, size)
    check_labels(images.labels, list(images.names), classes)
    folder = new_run_folder(out) if out is not None else None
    report = progress or (lambda *_: None)

    predictor = Predictor(model, batch_size)
    selection = select_images(
        images,
        predictor,
        limit=limit,
        only_correct=only_correct,
        seed=seed,
        progress=lambda done, total: report("Classifying clean images", done, total),
    )
    warnings = [
        *probability_warnings(selection.first_logits, list(by_attack.values())),
        *clean_accuracy_warnings(selection.seen_predictions, selection.seen_labels, classes),
    ]
    grid = _fill_grid(model, predictor, by_attack, by_defence, images, selection, seed, folder, report)
    rows = grid.rows()
    run = describe_run(model, images, selection, started)
    run |= {
        "command": command,
        "arguments": {
            "attacks": list(by_attack),
            "defences": list(by_defence),
            "threat": list(THREATS),
            "limit": limit,
            "only_correct": only_correct,
            "batch_size": batch_size,
        },
        "seed": seed,
        "seconds": round(time.perf_counter() - clock, 3),
        "warnings": warnings + zero_gradient_warnings(rows),
    }
    results = Results(run, rows)
    if folder is not None:
        results.save(folder)
    return results


def name_attacks(attacks: Sequence[str | Attack]) -> dict[str, Attack]:
    """Return attacks by name, in order; ValueError for an unknown one."""
    if isinstance(attacks, str):
        attacks = [attacks]
    found = [parse_attack(attack) if isinstance(attack, str) else attack for attack in attacks if attack != CLEAN]
    return {attack.spec: attack for attack in found}


def name_defences(defences: Sequence[str | Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
    """Return the layers of each defence by name, in order; ValueError for an unknown one, or for none at all."""
    if isinstance(defences, str):
        defences = [defences]
    layers = [tuple(parse_defence(each)) if isinstance(each, str) else tuple(each) for each in defences]
    if not layers:
        raise ValueError("`defences` must name at least one defence; 'none' is the bare model")
    named = {defence_spec(each): each for each in layers}
    if len(named) < len(layers):
        raise ValueError(f"`defences` names one twice. Received: {[defence_spec(each) for each in layers]}")
    return named


def _fill_grid(
    model: Any,
    predictor: Predictor,
    attacks: dict[str, Attack],
    defences: dict[str, tuple[Any, ...]],
    data: ImageData,
    selection: Selection,
    seed: int,
    folder: Path | None,
    report: Progress,
) -> Grid:
    """Attack and count the selected images, batch by batch."""
    size = predictor.batch_size
    total = math.ceil(len(selection.indices) / size) * (1 + len(attacks))
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        report("Attacking and defending", done, total)

    images = None if folder is None else folder / "adversarial"
    grid = Grid(model, predictor, attacks, defences, seed=seed, folder=images, progress=advance)
    for start in range(0, len(selection.indices), size):
        indices = selection.indices[start : start + size]
        pixels, failed = data.read_batch(indices)
        if failed:  # since it was classified
            selection.skipped += [(data.names[index], reason) for index, reason in failed.items()]
            indices = [index for index in indices if index not in failed]
        if not indices:
            continue
        attackable = np.array([selection.correct[index] for index in indices])
        grid.add(stack(pixels, data.source), data.labels[indices], attackable, [data.names[i] for i in indices])
    return grid


def _check_arguments(threat: str | Sequence[str], limit: int | None, batch_size: int) -> None:
    threats = [threat] if isinstance(threat, str) else list(threat)
    if not threats or any(each not in THREATS for each in threats):
        raise ValueError(f"`threat` must be among {', '.join(THREATS)}. Received: threat={threat!r}")
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be a positive number of images. Received: limit={limit}")
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be a positive number of images. Received: batch_size={batch_size}")
