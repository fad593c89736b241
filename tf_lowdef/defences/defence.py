"""A defence: layers from images to images, under the name that results call them by."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.defences.naming import layers_name
from tf_lowdef.layers import (
    NO_DEFENCE,
    MeanOfCopies,
    check_draws,
    count_copies,
    draw_scope,
    is_randomised,
)
from tf_lowdef.models.defend import defended_sequence, image_shape
from tf_lowdef.models.identity import hash_layer

Pixels = npt.NDArray[np.uint8]
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Defence:
    """Layers in front of a classifier. :func:`make_defence` makes one of whatever a user writes.

    A subclass may stand in another way in front of a classifier: it overrides :meth:`in_front_of` and :meth:`merge`.

    Args:
        name: What results call it: its text, such as ``"webp:60+flip"``, wherever it has one.
        layers: Keras layers in the order that the image meets them, from pixels in [0, 255] to such pixels; none for
            the bare classifier.

    Raises:
        TypeError: Something among `layers` is none.
        ValueError: Two of them would draw the same.

    Example:
        >>> from tf_lowdef import Defence, FlipLayer, ShiftLayer, load_demo
        >>> base, images, labels = load_demo()
        >>> defence = Defence("moved", [ShiftLayer(3), FlipLayer()])
        >>> defence.through(images[:4]).shape  # what the classifier sees
        (4, 96, 96, 3)
        >>> model = defence.in_front_of(base)
        >>> model.predict(images[:4], verbose=0).shape
        (4, 10)
    """

    name: str
    layers: Sequence[Any] = ()

    def __post_init__(self) -> None:
        """Check the layers."""
        object.__setattr__(self, "layers", _check_layers(self.layers))

    @property
    def copies(self) -> int:
        """How many images come out for each that goes in: more than one behind random crops."""
        return count_copies(self.layers)

    @property
    def randomised(self) -> bool:
        """Whether it draws."""
        return any(is_randomised(layer) for layer in self.layers)

    @property
    def attackable(self) -> tuple[Any, ...]:
        """All layers of it that an attacker meets, behind the classifier too: they may offer him gradients."""
        return tuple(self.layers)

    def changed(self, change: Callable[[Any], Any]) -> Defence:
        """Return the same defence with each of its `attackable` layers as `change` makes it."""
        return replace(self, layers=tuple(change(layer) for layer in self.layers))

    def suspicion(self, outputs: Any) -> Any:  # noqa: ARG002 - what a gate looks at
        """Return how suspicious each image looks, (n,), by the classifier's outputs; None for what suspects nothing."""
        return None

    @property
    def digest(self) -> str | None:
        """A SHA-256 of the layers and their weights; None where the name is a text, which says it all."""
        if self.name == layers_name(self.layers) and "(" not in self.name:
            return None
        return " ".join(hash_layer(layer) for layer in self.layers)

    def apply(self, images: Any, keys: Any = None) -> Any:
        """Return what the classifier gets: a tensor or array, shape (n * copies, height, width, 3), copies together.

        Args:
            images: uint8 or float pixels in [0, 255], shape (n, height, width, 3).
            keys: int64, shape (n, 2), that randomised layers draw by, as in ``draw_scope``; None leaves it to them.
        """
        if self.layers and not _takes_pixels(self.layers[0]):
            images = tf.cast(images, tf.float32)  # which is what a model's Input makes of them
        with draw_scope(keys):
            for layer in self.layers:
                images = layer(images, training=False)
        return images

    def through(self, images: Pixels, keys: Keys | None = None) -> Pixels:
        """Return the pixels that a classifier sees, to look at: as :meth:`apply`, rounded and clipped to uint8."""
        seen: Pixels = np.clip(np.rint(np.asarray(self.apply(images, keys))), 0, 255).astype(np.uint8)
        return seen

    def merge(self, outputs: Any) -> Any:
        """Return one row of logits an image, of those of its copies."""
        return outputs if self.copies == 1 else MeanOfCopies(self.copies)(outputs)

    def in_front_of(self, classifier: Any) -> Any:
        """Return the defended classifier: a ``keras.Sequential`` with a static float32 ``keras.Input``.

        Where there are no layers it is the classifier itself.

        Args:
            classifier: A Keras model from pixels in [0, 255], shape (batch, height, width, 3), to logits.

        Raises:
            TypeError: `classifier` is not a Keras model.
            ValueError: It takes something else than RGB images, or the layers give it images of another shape.
        """
        if not self.layers:
            return classifier
        self.probe(image_shape(classifier))
        return defended_sequence(self.layers, classifier)

    def probe(self, input_shape: Any) -> str | None:
        """Try layers that are not this package's, or not on its pixels, on an image of a classifier's input shape.

        Returns:
            What is doubtful about the values that came out, None if nothing is.

        Raises:
            ValueError: A layer cannot take such an image, or what comes out is none.
        """
        if all(_takes_pixels(layer) for layer in self.layers):
            return None
        sides = [side or _OPEN_SIDE for side in input_shape[1:3]]
        ramp = np.linspace(0, 255, sides[0] * sides[1], dtype=np.float32).reshape(1, *sides, 1)
        image = np.concatenate([ramp, ramp[:, ::-1], ramp[:, :, ::-1]], axis=-1)
        try:
            seen = np.asarray(self.apply(image, np.zeros((1, 2), np.int64)), np.float32)
        except Exception as error:  # whatever a layer raises
            reason = _first_line(error)
            raise ValueError(
                f"The defence {self.name!r} cannot take images of shape {image.shape}: {reason}"
            ) from error
        if seen.shape != (self.copies, *image.shape[1:]):
            raise ValueError(
                f"The defence {self.name!r} must give images of the shape that it takes, {image.shape}. "
                f"Received: {seen.shape}"
            )
        low, high = float(seen.min()), float(seen.max())
        if high - low >= _LEAST_SPAN and low > -255 and high < 2 * 255:
            return None
        return (
            f"The defence {self.name} takes pixels from 0 to 255 to values from {low:.3g} to {high:.3g}; "
            "the classifier expects 0 to 255."
        )


def _check_layers(layers: Any) -> tuple[Any, ...]:
    """Return the layers; TypeError where one is none, ValueError where two would draw the same."""
    found = tuple(layers) if isinstance(layers, Sequence) and not isinstance(layers, str) else (layers,)
    for each in found:
        if not isinstance(each, keras.layers.Layer):
            a_class = isinstance(each, type) and issubclass(each, keras.layers.Layer)
            raise TypeError(
                "A defence is a text such as 'webp:60+flip', a Keras layer, several of them, or a pair (name, layers). "
                f"Received: {each!r}" + (f"; make a layer of the class: {each.__name__}(...)" if a_class else "")
            )
    check_draws(found)
    return found


def _takes_pixels(layer: Any) -> bool:
    """Return whether a layer is known to take pixels in [0, 255], integers too, and to give such."""
    return type(layer).__module__.startswith("tf_lowdef.") and getattr(layer, "value_range", (0, 255)) == (0, 255)


def _first_line(error: Exception) -> str:
    """Return what an error says in one line; Keras wraps it in where it was raised, and in colours."""
    lines = re.sub(r"\x1b\[\d+m", "", str(error)).splitlines()
    said = [line.strip() for line in lines if line.strip() and not line.startswith("Exception encountered")]
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__


BARE = Defence(NO_DEFENCE)
"""No layers: the classifier as it is."""

_OPEN_SIDE = 64
"""Of the image that is tried where a classifier takes any."""
_LEAST_SPAN = 16
"""Grey levels between the darkest and the brightest value, of 255 that went in, below which a range is doubted."""
