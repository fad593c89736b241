"""What a classifier ends in, and the same classifier without its softmax or sigmoid."""

from __future__ import annotations

import functools
from typing import Any

import keras

from tf_lowdef.keras_compat import all_layers, producer
from tf_lowdef.layers import GateHead, MeanOfCopies
from tf_lowdef.models.adapter_layers import LogProbabilities, TwoLogits

SOFTMAX, SIGMOID, LOGITS = "softmax", "sigmoid", "logits"
HEADS = (SOFTMAX, LOGITS, SIGMOID)

OF_SIGMOIDS = "logits_of_sigmoids"
"""The name of the layer, which changes nothing, that says that each logit is one class' against the rest."""

_LINEAR = keras.activations.linear
_ACTIVATIONS = {
    keras.activations.softmax: SOFTMAX,
    keras.activations.sigmoid: SIGMOID,
    keras.activations.log_softmax: LOGITS,  # logits less a constant
    _LINEAR: LOGITS,
}
_WEIGHTED = (keras.layers.Dense, keras.layers.EinsumDense, keras.layers.Conv1D, keras.layers.Conv2D)
_PASSING = (keras.layers.Dropout, keras.layers.Flatten, keras.layers.Identity, keras.layers.Reshape)
"""Layers that hand every score on as it is, at inference, if the number of classes stays."""


def is_graph(model: Any) -> bool:
    """Return whether a model is a graph of layers that can be taken apart: functional, or a built ``Sequential``.

    A subclass with a ``call`` of its own is none, whatever it was built from.
    """
    if not isinstance(model, keras.Model) or not model.built:
        return False
    own_call = type(model).call not in (keras.Sequential.call, _functional_call())
    try:
        return not own_call and bool(model.inputs and model.outputs)
    except AttributeError:  # no graph was made
        return False


def find_head(model: Any) -> tuple[str | None, Any]:
    """Return what a graph model ends in, and the same model without it.

    Layers in front of the last one are the model's own; the last one is made again without its activation, with the
    same variables, so that training either model trains both.

    Args:
        model: A graph model with one output; see `is_graph`.

    Returns:
        ``"softmax"``, ``"sigmoid"`` or ``"logits"``, None where the end does not tell; and a model that gives logits,
        which is `model` itself where nothing was to take off.
    """
    head, logits = _take_off(model.outputs[0])
    if head in (SOFTMAX, SIGMOID):
        return head, keras.Model(model.inputs[0], logits, name=model.name)
    return head, model


def kept_kind(classifier: Any) -> str:
    """Return what `as_classifier` made the logits of: ``"logits"`` where nothing stands behind the model for that."""
    for layer in all_layers(classifier) if isinstance(classifier, keras.layers.Layer) else ():
        if isinstance(layer, LogProbabilities):
            return layer.of
        if isinstance(layer, TwoLogits) or layer.name == OF_SIGMOIDS:
            return SIGMOID
    return LOGITS


def _take_off(tensor: Any) -> tuple[str | None, Any]:
    """Return what a tensor's last operation is, and the tensor as it is without it."""
    operation, inputs = producer(tensor)
    if is_graph(operation):
        head, inner = find_head(operation)
        return head, tensor if inner is operation else inner(*inputs)
    if isinstance(operation, _PASSING) and inputs[0].shape[-1] == tensor.shape[-1]:
        head, logits = _take_off(inputs[0])
        return head, tensor if logits is inputs[0] else _again(operation)(logits)
    if isinstance(operation, GateHead | MeanOfCopies | TwoLogits | LogProbabilities):
        return LOGITS, tensor
    head = _activation(operation)
    if head not in (SOFTMAX, SIGMOID):
        return head, tensor
    if isinstance(operation, _WEIGHTED):
        return head, _without_activation(operation)(*inputs)
    # the layer's place is kept by one that does nothing but cast, as it did
    dtype = getattr(operation, "dtype_policy", tensor.dtype)
    return head, keras.layers.Activation("linear", dtype=dtype, name=f"{operation.name}_logits")(inputs[0])


def _activation(operation: Any) -> str | None:
    """Return which head an operation is by its activation; None where it is another one, or none."""
    if type(operation).__module__.split(".")[0] != "keras":
        return None  # a class of somebody's own may do anything with its attributes
    if isinstance(operation, keras.layers.Softmax):
        return SOFTMAX if operation.axis in (-1, 1) else None
    if isinstance(operation, (keras.layers.Activation, *_WEIGHTED)):
        if getattr(operation, "lora_enabled", False):
            return None
        return _ACTIVATIONS.get(operation.activation)
    if isinstance(operation, keras.Layer):
        return None
    # keras.ops.softmax(x) and keras.ops.sigmoid(x) in a functional model
    name = type(operation).__name__
    if name == "Softmax" and operation.axis not in (-1, 1):
        return None
    return {"Softmax": SOFTMAX, "Sigmoid": SIGMOID}.get(name)


def _without_activation(layer: Any) -> Any:
    """Return a layer of the same variables without activation."""
    config = {**layer.get_config(), "activation": "linear", "activity_regularizer": None}
    twin = type(layer).from_config({**config, "name": f"{layer.name}_logits"})
    for name, value in vars(layer).items():
        if value is None or isinstance(value, keras.Variable):  # None: a bias that is not used
            setattr(twin, name, value)
    twin.built = True
    return twin


def _again(layer: Any) -> Any:
    config = layer.get_config()
    return type(layer).from_config({**config, "name": f"{layer.name}_logits"})


@functools.cache
def _functional_call() -> Any:
    """Return the ``call`` of functional models, whose class has no public name."""
    inputs = keras.Input((1,))
    return type(keras.Model(inputs, inputs)).call
