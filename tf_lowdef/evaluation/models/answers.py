"""What a run's model and defences make of a few images: by that, not by what they say of themselves, they are known.

A description tells no code: a user's layer whose `call` was mended describes itself as before, and one whose
``get_config()`` lacks an argument is made anew as another one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tf_lowdef.evaluation.models.predict import NonFiniteOutputError, Pixels, Predictor
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.jobs import Record, RunMismatchError, Runner, Unit
from tf_lowdef.keras_compat import all_layers
from tf_lowdef.models.networks import sample_images

Answers = Mapping[str, npt.NDArray[np.float64]]

WITHIN = 1e-3
"""How far answers may lie apart: of logits the part of their range, of images' weighted means in grey levels. Threads,
processors and batch sizes change some millionths."""
WITHIN_HALF = 0.03
"""The same of a model that computes in half precision."""


def answers(site: RunModels) -> dict[str, npt.NDArray[np.float64]]:
    """Return what the model, the surrogate and each defence make of a few drawn images, by what they are.

    Of a defence two weighted means of each image that it gives. What gives no finite answer, or another one at once,
    is left out: a model that draws without saying so is told in the results.
    """
    pixels = sample_images(site.model.input_shape[1:]).astype(np.uint8)
    found = {}
    models = {"the model": site.predictor}
    if site.surrogate is not None:
        models["the surrogate"] = Predictor(site.surrogate, site.batch_size, site.seed)
    for name, predictor in models.items():
        found[name] = [_logits(predictor, pixels) for _ in range(2)]
    keys = site.predictor.keys(pixels)
    for name, defence in site.defences.items():
        if defence.layers:
            found[f"the defence {name!r}"] = [_means(defence.apply(pixels, keys)) for _ in range(2)]
    within = tolerance(site)
    return {name: first for name, (first, again) in found.items() if _alike(name, first, again, within)}


def differing(before: Answers, now: Answers, within: float) -> list[str]:
    """Return what answers otherwise than before, of what was asked both times."""
    return [name for name in before if name in now and not _alike(name, before[name], now[name], within)]


def tolerance(site: RunModels) -> float:
    """Return how far logits may lie apart, as a part of their range."""
    half = {layer.compute_dtype for layer in [site.model, *all_layers(site.model)]} & {"float16", "bfloat16"}
    return WITHIN_HALF if half else WITHIN


def check_answers(runner: Runner, site: RunModels) -> None:
    """Keep what the site's models answer when a run is begun, and compare with it when the run goes on.

    Raises:
        RunMismatchError: A ValueError: something answers otherwise; the text says what.
    """
    now = answers(site)
    unit, names = Unit("answers"), list(now)
    record = Record({f"answer_{number}": now[name] for number, name in enumerate(names)}, {"of": names})
    kept = next(runner.run([unit], lambda _: record))
    before = {name: kept[f"answer_{number}"] for number, name in enumerate(kept.facts["of"])}
    other = differing(before, now, tolerance(site))
    if other:
        raise RunMismatchError(
            f"This run was begun with something else: {' and '.join(other)} answers the same images otherwise than "
            "then, while weights and configuration are the same, so that code or an attribute has changed. Take "
            "another folder, or begin anew (on the command line --restart)"
        )


def _logits(predictor: Predictor, pixels: Pixels) -> npt.NDArray[np.float64]:
    try:
        return np.asarray(predictor(pixels), np.float64)
    except NonFiniteOutputError:  # told of the user's own images
        return np.full((1, 1), np.nan)


def _means(images: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return each image's mean under two sets of weights, float64, shape (n, 2)."""
    flat = np.asarray(images, np.float64).reshape(len(np.asarray(images)), -1)
    weights = np.random.default_rng(0).uniform(0, 2, (flat.shape[1], 2))
    return flat @ weights / flat.shape[1]


def _alike(name: str, one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], within: float) -> bool:
    if one.shape != other.shape:
        return False
    scale = WITHIN if name.startswith("the defence") else within * max(float(np.ptp(one)), 1e-9)
    return bool(np.allclose(one, other, rtol=0, atol=scale))
