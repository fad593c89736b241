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
from tf_lowdef.layers.compiled import remembered
from tf_lowdef.models.alike import alike
from tf_lowdef.models.networks import sample_images

Answers = Mapping[str, npt.NDArray[np.float64]]

WITHIN = 1e-3
"""How far weighted means of images may lie apart, in grey levels: threads and processors change some millionths."""
_DEFENCE = "the defence"


def answers(site: RunModels) -> Answers:
    """Return what the model, the surrogate and each defence make of a few drawn images, by what they are; asked once.

    Of a defence two weighted means of each image that it gives. What answers otherwise at once is left out: a model
    that draws without saying so is told in the results.
    """
    found: Answers = remembered(site, answers, lambda _: _asked(site))
    return found


def _asked(site: RunModels) -> Answers:
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
            found[f"{_DEFENCE} {name!r}"] = [_means(defence.apply(pixels, keys)) for _ in range(2)]
    return {name: first for name, (first, again) in found.items() if _alike(site, name, first, again)}


def differing(site: RunModels, before: Answers, now: Answers) -> list[str]:
    """Return what answers otherwise than before, of what was asked both times."""
    return [name for name in before if name in now and not _alike(site, name, before[name], now[name])]


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
    other = differing(site, before, now)
    if other:
        raise RunMismatchError(
            f"This run was begun with something else: the same images get other answers of {' and of '.join(other)} "
            "than then, while weights and configuration are the same, so that code or an attribute has changed. Take "
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


def _alike(site: RunModels, name: str, one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    if not name.startswith(_DEFENCE):
        return alike(site.model, one, other)
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=WITHIN))
