"""A gate as a Keras model: a classifier asked once about every image as it is and as defences make it."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras

from tf_lowdef.layers import GateHead, SqueezersLayer
from tf_lowdef.layers.gate_head import LOGITS

HEAD = "gate"
"""The name of the layer that chooses."""


class GateParts(NamedTuple):
    """What a gate is made of.

    Attributes:
        squeezers: The layer in front.
        base: The classifier.
        head: What chooses behind it.
    """

    squeezers: SqueezersLayer
    base: Any
    head: GateHead

    def model(self) -> Any:
        """Return the model of three outputs: ``logits``, ``suspicion`` and ``defended``."""
        inputs = keras.Input(self.base.input_shape[1:], dtype="float32", name="pixels")
        head = _head(self.head, "all")
        outputs = head(self.base(self.squeezers(inputs)))
        return keras.Model(inputs, outputs, name=f"{self.base.name}_gated")

    def classifier(self) -> Any:
        """Return the model of the logits alone, of the same layers, as a ``keras.Sequential``."""
        inputs = keras.Input(self.base.input_shape[1:], dtype="float32", name="pixels")
        return keras.Sequential([inputs, self.squeezers, self.base, _head(self.head, LOGITS)], name=self.base.name)


def find_gate(model: Any) -> GateParts | None:
    """Return the parts of a model that ``tf_lowdef.gate`` made, loaded or not; None for another one."""
    layers = list(getattr(model, "layers", ())) if isinstance(model, keras.Model) else []
    layers = [layer for layer in layers if not isinstance(layer, keras.layers.InputLayer)]
    if len(layers) != 3 or not isinstance(layers[0], SqueezersLayer) or not isinstance(layers[2], GateHead):
        return None
    return GateParts(*layers)


def _head(head: GateHead, answer: str) -> GateHead:
    if head.answer == answer:
        return head
    return GateHead(**{**head.get_config(), "answer": answer})
