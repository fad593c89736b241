"""The same image clean, adversarial, defended, and under an attack that knows of the defence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import parse_attack
from tf_lowdef.defences import BARE, make_defence
from tf_lowdef.evaluation.models.draws import CHOOSING_DRAWS, attackable
from tf_lowdef.evaluation.models.predict import Predictor

Pixels = npt.NDArray[np.uint8]


class Frame(NamedTuple):
    """A picture with what a classifier made of it.

    Attributes:
        title: What is shown.
        image: uint8, shape (height, width, 3).
        says: The predicted class and its probability.
        right: Whether that is the true class.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef.studies import Frame
        >>> frame = Frame("clean", np.zeros((8, 8, 3), np.uint8), "mug, 98 %", True)
        >>> frame.title, frame.right
        ('clean', True)
    """

    title: str
    image: Pixels
    says: str
    right: bool


def tell_story(
    model: Any,
    images: Pixels,
    labels: npt.NDArray[np.int64],
    class_names: Sequence[str],
    *,
    attack: str = "bim:4",
    defence: Any = "webp:60+flip",
    adaptive: str = "bim:4,steps=40",
    seed: int = 0,
) -> list[Frame]:
    """Return the four frames of the first image to which all of it happens.

    The classifier is right on the clean image, an attack on the bare classifier fools it, the defence in front undoes
    that, and an attack through the defence's own gradient fools both. Where this happens to no image, those of the
    first image are returned as they are.

    Args:
        model: The bare classifier, from pixels in [0, 255] to logits.
        images: uint8, shape (n, height, width, 3).
        labels: int64, shape (n,): the true classes.
        class_names: By class index.
        attack: Of the attacker who does not know of the defence.
        defence: As ``make_defence`` takes it, such as ``"webp:60+flip"``. One that draws is shown in one draw, which
            the attack does not know; of several copies the first is shown.
        adaptive: Of the attacker who does.
        seed: For attacks and defences that draw.

    Raises:
        ValueError: There are no images, or a specification is wrong.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.models import demo_class_names
        >>> from tf_lowdef.studies import tell_story
        >>> model, images, labels = load_demo()
        >>> frames = tell_story(model, images[:4], labels[:4], demo_class_names(), adaptive="bim:4")
        >>> len(frames), frames[0].right
        (4, True)
    """
    if not len(images):
        raise ValueError("`images` must hold at least one image. Received: none")
    standing = make_defence(defence)
    predict = Predictor(model, seed=seed)
    fooling = parse_attack(attack)(model, images, labels, seed=seed).images
    defended = attackable(standing.in_front_of(model), CHOOSING_DRAWS)
    made_for = parse_attack(adaptive)(defended, images, labels, seed=seed).images
    steps = [
        ("clean", images, BARE),
        (f"adversarial\n{attack}", fooling, BARE),
        (f"the same behind\n{standing.name}", fooling, standing),
        (f"made for the defence\n{adaptive}", made_for, standing),
    ]
    logits = [predict(pixels, before) for _, pixels, before in steps]
    seen = [before.through(pixels, predict.keys(pixels))[:: before.copies] for _, pixels, before in steps]
    right = np.array([each.argmax(axis=1) == labels for each in logits])
    place = int((right == np.array([[True], [False], [True], [False]])).all(axis=0).argmax())
    return [
        Frame(title, shown[place], _says(each[place], class_names), bool(ok[place]))
        for (title, *_), shown, each, ok in zip(steps, seen, logits, right, strict=True)
    ]


def through(layers: Sequence[Any], images: Pixels) -> Pixels:
    """Return the pixels that a classifier sees behind the layers of a defence: uint8, shape (n, height, width, 3).

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.studies import through
        >>> model, images, labels = load_demo()
        >>> from tf_lowdef.layers import parse_defence
        >>> through(parse_defence("webp:60+flip"), images[:4]).shape
        (4, 96, 96, 3)
    """
    return make_defence(layers).through(images)


def _says(logits: npt.NDArray[np.float32], class_names: Sequence[str]) -> str:
    shares = np.exp(logits.astype(np.float64) - logits.max())
    return f"{class_names[int(logits.argmax())]}, {100 * shares.max() / shares.sum():.0f} %"
