"""``tf_lowdef.gate``: a classifier that takes the defended answer only where an image looks suspicious."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from tf_lowdef.defences import Gate, Rule, make_defence
from tf_lowdef.defences.calibration import calibration_doubts
from tf_lowdef.evaluation.gates import Scored, score_images, with_threshold
from tf_lowdef.evaluation.judging.checks import label_doubts
from tf_lowdef.evaluation.models.opening import find_doubts, open_classifier, open_data, open_labelled
from tf_lowdef.evaluation.models.predict import Predictor, class_count
from tf_lowdef.jobs.progress import Progress, shown
from tf_lowdef.models.gated import find_gate
from tf_lowdef.text import unread_images
from tf_lowdef.validation import check_flag, check_integer

DEFAULT_DEFENCE = "webp:60+flip"


def gate(
    model: Any,
    defence: Any = DEFAULT_DEFENCE,
    data: Any = None,
    *,
    squeezers: Sequence[Any] = (),
    false_positive_rate: float | None = None,
    max_clean_drop: float | None = None,
    arbitrate: bool = True,
    input_range: Any = None,
    outputs: str | None = None,
    labels: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    batch_size: int = 32,
    seed: int = 0,
    progress: Progress | bool | None = None,
) -> Any:
    """Make a classifier that takes the defended answer only where an image looks suspicious, and says how much.

    A defence costs clean accuracy on every image. Here the classifier answers for itself, and is asked a second time
    behind the defence; where its two answers are further apart than nearly all clean images' are, the defended one
    counts. The distance is the L1 distance of the probabilities, 0 to 2; with several squeezers the greatest of theirs
    (Xu et al. 2018, "Feature squeezing"). One pass of the classifier does for all of them, on a batch so many times
    as large. Where an image is not suspicious and the two answers are different classes all the same, the more decided
    one counts, as it would in the mean of both probabilities: that costs no clean accuracy, and brings back what a
    minimal-norm attack such as DeepFool leaves just across a boundary, where no distance is large.

    The threshold is chosen on `data` and on nothing else; what it is worth has to be seen on other images, which
    ``evaluate(..., defences="gate(webp:60+flip)")`` does. An attacker who knows of the gate attacks both answers and
    the detector at once: against him it keeps what its defence keeps, which may be nothing.

    Args:
        model: Any Keras model from images to class scores, see :func:`tf_lowdef.as_classifier`: hardened or not.
        defence: What answers where an image is suspicious, as :func:`tf_lowdef.defences.make_defence` takes it.
        data: Clean images like those that it will meet, as ``evaluate`` takes them; or an array of images alone, shape
            (n, height, width, 3), where no accuracy is needed.
        squeezers: Further defences whose answers are compared, and never taken.
        false_positive_rate: The share of clean images that may be suspected, in the mean over sets of clean images; 19
            of them or more for 0.05, the default where neither is given.
        max_clean_drop: Instead of it: by how many points clean top-1 accuracy may be lower on `data`.
        arbitrate: Whether the more decided of two different answers counts where an image is not suspicious; False
            keeps the classifier's own there, as Xu et al. have it.
        input_range: What the model takes pixels as, see ``as_classifier``; float images are taken to be in it too.
        outputs: What the model gives, see there.
        labels: A file with the names of the classes, as for ``evaluate``.
        limit: Use at most this many images, drawn by `seed`.
        batch_size: Images at a time.
        seed: Decides which images a `limit` draws, and what randomised defences draw.
        progress: Called with what is being done, how many images are done, and how many there are; see ``evaluate``.

    Returns:
        A ``keras.Model`` from float32 pixels in [0, 255], shape (batch, height, width, 3), to a dictionary: ``logits``,
        float32 (batch, classes), the answer; ``suspicion``, float32 (batch,), 0 to 2; ``defended``, bool (batch,),
        whether the defended answer was taken. It saves, loads with ``safe_mode=True`` and exports; ``as_classifier``
        and all that takes a model take its answer. Its last layer, ``gate``, has `threshold` and `calibration`.

    Raises:
        FileNotFoundError: There is no such data.
        RangeError: A ValueError: the model seems to take another range.
        TypeError: `model` is no Keras model, or `defence` no defence.
        ValueError: An argument is wrong, there are too few images, a gate is given for a model, or `max_clean_drop` is
            and the classifier's answers hardly ever are the labels.

    Warns:
        UserWarning: The threshold suspects nothing, the images are too few to show such a drop, some are unreadable, or
            labels and answers do not belong together.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import gate, load_demo
        >>> model, images, labels = load_demo()
        >>> gated = gate(model, "webp:60+flip", (images[::4], labels[::4]), false_positive_rate=0.1, progress=False)
        >>> said = gated.predict(images[:4], verbose=0)
        >>> sorted(said), said["logits"].shape
        (['defended', 'logits', 'suspicion'], (4, 10))
        >>> np.array_equal(said["defended"], said["suspicion"] > gated.get_layer("gate").threshold)
        True
    """
    check_integer("batch_size", batch_size, 1)
    check_integer("seed", seed, 0)
    rule = Rule(false_positive_rate, max_clean_drop)
    several = [squeezers] if isinstance(squeezers, str) else list(squeezers)
    check_flag("arbitrate", arbitrate)
    made = Gate(squeezers=tuple(make_defence(each) for each in (defence, *several)), rule=rule, arbitrate=arbitrate)
    if find_gate(model) is not None:
        raise ValueError(f"{model.name!r} is a gate already. Give the classifier in it")
    if data is None:
        raise ValueError("`data` must hold clean images, to choose the threshold on. Received: data=None")
    labelled = not _images_alone(data)
    given = data if labelled else (data, np.zeros(len(data), np.int64))
    classifier = open_classifier(model, given, input_range, outputs)
    images = (open_labelled if labelled else open_data)(classifier, given, labels, input_range)
    doubts = find_doubts(classifier, images if labelled else None)
    chosen = None
    if limit is not None:
        check_integer("limit", limit, 1)
        chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:limit]).tolist()
    with shown(progress) as report:
        asking = partial(report, "Asking about clean images")
        scored = score_images(Predictor(classifier, batch_size, seed), made, images, chosen, asking)
    if labelled:
        doubts += _label_doubts(scored, class_count(classifier), rule)
    made = with_threshold(made, scored, labelled)
    if scored.failed:
        name, reason = next(iter(scored.failed.items()))
        warnings.warn(
            f"{unread_images(len(scored.failed))}. The first, {name}: {reason}",
            UserWarning,
            stacklevel=2,
        )
    if made.calibration is not None:
        doubts += calibration_doubts(made.calibration, rule)
    for doubt in doubts:
        warnings.warn(doubt, UserWarning, stacklevel=2)
    return made.model(classifier)


def _label_doubts(scored: Scored, classes: int, rule: Rule) -> list[str]:
    """Return what the classifier's own answers say against the labels.

    Raises:
        ValueError: The threshold is to be chosen by them: where no answer is right, none can be lost.
    """
    wrong, unknown = label_doubts(scored.answers, scored.labels, classes)
    if wrong and rule.max_clean_drop is not None:
        raise ValueError(
            f"`data` must be labelled as the model's classes are, for `max_clean_drop` counts right answers. {wrong[0]}"
        )
    return wrong + unknown


def _images_alone(data: Any) -> bool:
    return hasattr(data, "shape") and len(data.shape) in (3, 4)
