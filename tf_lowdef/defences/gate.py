"""A gate: the defended answer is taken only where the classifier changes its mind behind the defence."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from tf_lowdef.defences.calibration import Calibration, Rightness, Rule
from tf_lowdef.defences.defence import Defence, Keys, Pixels
from tf_lowdef.layers import GateHead, SqueezersLayer
from tf_lowdef.layers.gate_head import more_decided, split_views, suspicion_of
from tf_lowdef.models.adapter import range_is_said, say_range
from tf_lowdef.models.defend import image_shape
from tf_lowdef.models.gated import HEAD, GateParts
from tf_lowdef.specs import GATE
from tf_lowdef.validation import Labels


@dataclass(frozen=True)
class Gate(Defence):
    """Defences beside a classifier, and a rule for when the first one's answer is taken (Xu et al. 2018).

    Args:
        name: What results call it; empty for its text, such as ``"gate(webp:60+flip)"``.
        layers: The one layer that lets all defences have the image; empty makes it of `squeezers`.
        squeezers: The defences. The first one answers where an image is suspicious; all of them vote.
        rule: How the threshold is chosen.
        calibration: The threshold that was chosen; None where none was yet, which it takes before anything is answered.
        gradient: See :class:`~tf_lowdef.layers.GateHead`.
        arbitrate: See there.

    Raises:
        ValueError: There is no defence, one has no layers, two are the same, or one is itself a gate.

    Example:
        >>> from tf_lowdef.defences import Calibration, Gate, make_defence
        >>> gate = make_defence("gate(webp:60+flip;median:3)")
        >>> isinstance(gate, Gate), [each.name for each in gate.squeezers]
        (True, ['webp:60+flip', 'median:3'])

        It answers once a threshold was chosen, as :func:`tf_lowdef.gate` and :func:`tf_lowdef.evaluate` do:

        >>> gate.calibration is None
        True
    """

    name: str = ""
    squeezers: Sequence[Defence] = ()
    rule: Rule = field(default_factory=Rule)
    calibration: Calibration | None = None
    gradient: str = "chosen"
    arbitrate: bool = True

    def __post_init__(self) -> None:
        """Check the defences, and make the layer that they stand in."""
        names = [each.name for each in self.squeezers]
        if any(isinstance(each, Gate) for each in self.squeezers):
            raise ValueError(f"A gate is made of plain defences, not of gates. Received: {names}")
        if not names or not all(each.layers for each in self.squeezers):
            raise ValueError(f"A gate needs a defence to compare with, and 'none' is none. Received: {names}")
        if len(set(names)) < len(names):
            raise ValueError(f"A gate asks every defence once. Received: {names}")
        if not self.name:
            object.__setattr__(self, "name", self.text)
        if not self.layers:
            chains = [list(each.layers) for each in self.squeezers]
            object.__setattr__(self, "layers", (SqueezersLayer(chains, dtype="float32", name="squeezers"),))

    @property
    def text(self) -> str:
        """As a specification has it."""
        own = "" if self.arbitrate else "arbitrate=false"
        said = ",".join(filter(None, [self.rule.text, own]))
        return f"{GATE}{':' if said else ''}{said}({';'.join(each.name for each in self.squeezers)})"

    @property
    def copies(self) -> int:
        """How many images the classifier is asked about for each: itself, and those of every defence."""
        return int(self.layers[0].copies)

    @property
    def attackable(self) -> tuple[Any, ...]:
        """The layer of the defences, and what chooses behind the classifier."""
        return (*self.layers, self.head)

    def changed(self, change: Callable[[Any], Any]) -> Gate:
        """Return the same gate with each of its `attackable` layers as `change` makes it."""
        return replace(self, layers=tuple(map(change, self.layers)), gradient=change(self.head).gradient)

    @property
    def digest(self) -> str | None:
        """SHA-256s of its text, if it is not its name, and of defences without one; None where the name says all."""
        own = [] if self.name == self.text else [hashlib.sha256(self.text.encode()).hexdigest()]
        return " ".join([*own, *(found for each in self.squeezers if (found := each.digest) is not None)]) or None

    @property
    def head(self) -> GateHead:
        """What chooses behind the classifier.

        Raises:
            ValueError: No threshold has been chosen.
        """
        if self.calibration is None:
            raise ValueError(
                f"{self.name!r} has no threshold yet: tf_lowdef.gate chooses one on clean images, and so does evaluate"
            )
        return GateHead(
            self.layers[0].copies_of_each,
            self.calibration.threshold,
            gradient=self.gradient,
            arbitrate=self.arbitrate,
            calibration=self.calibration.as_dict(),
            dtype="float32",
            name=HEAD,
        )

    def suspicion(self, outputs: Any) -> Any:
        """Return how suspicious each image looks, float32 (n,), by the logits of all that `apply` gives."""
        return suspicion_of(split_views(outputs, self.layers[0].copies_of_each))

    def merge(self, outputs: Any) -> Any:
        """Return the logits that the gate answers with, one row an image."""
        return self.head(outputs)

    def rightness(self, outputs: Any, labels: Labels) -> Rightness:
        """Return which of the answers to each image are right, by the logits of all that `apply` gives."""
        views = split_views(outputs, self.layers[0].copies_of_each)
        bare, defended = (tf.argmax(each, axis=1).numpy() == labels for each in (views.bare, views.squeezed[0]))
        decided = more_decided(views).numpy() & self.arbitrate
        return Rightness(bare, defended, np.where(decided, defended, bare))

    def own_answers(self, outputs: Any) -> Labels:
        """Return the classes that the bare classifier names, int64 (n,), by the logits of all that `apply` gives."""
        bare = split_views(outputs, self.layers[0].copies_of_each).bare
        return np.asarray(tf.argmax(bare, axis=1), np.int64)

    def through(self, images: Pixels, keys: Keys | None = None) -> Pixels:
        """Return the pixels that the classifier sees behind the defence that answers."""
        return self.squeezers[0].through(images, keys)

    def in_front_of(self, classifier: Any) -> Any:
        """Return the gated classifier, which gives the logits: a ``keras.Sequential``.

        Args:
            classifier: A Keras model from pixels in [0, 255], shape (batch, height, width, 3), to logits.

        Raises:
            TypeError: `classifier` is not a Keras model.
            ValueError: No threshold has been chosen; or as `Defence.in_front_of`.
        """
        made = self._parts(classifier).classifier()
        return say_range(made) if range_is_said(classifier) else made

    def model(self, classifier: Any) -> Any:
        """Return the gated classifier of three outputs, ``logits``, ``suspicion`` and ``defended``.

        Args:
            classifier: As for `in_front_of`.
        """
        return self._parts(classifier).model()

    def probe(self, input_shape: Any) -> str | None:
        """Try the layers of its defences; see `Defence.probe`."""
        doubts = [doubt for each in self.squeezers if (doubt := each.probe(input_shape)) is not None]
        return "; ".join(doubts) or None

    def _parts(self, classifier: Any) -> GateParts:
        self.probe(image_shape(classifier))
        return GateParts(self.layers[0], classifier, self.head)
