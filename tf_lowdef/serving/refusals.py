"""What an export is refused for: operations, scores and answers that would be wrong on a server."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import features

from tf_lowdef.keras_compat import all_layers
from tf_lowdef.layers.draws import is_randomised
from tf_lowdef.serving.expected import tolerance_of
from tf_lowdef.serving.graph_ops import layer_of, random_uses, unservable
from tf_lowdef.serving.network import Network
from tf_lowdef.serving.samples import Expected
from tf_lowdef.serving.signatures import DEFENDED, INPUTS, LOGITS, VALID

_MOST_NAMES = 3


def check_scores(network: Network, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the model's own scores of the samples, if a server can give such.

    Raises:
        ValueError: They are not one finite row of at least two classes an image.
    """
    name = network.model.name
    if scores.ndim != 2:
        raise ValueError(
            "A model to serve must return one row of class scores an image, shape (batch, classes). "
            f"Received: shape={scores.shape} from {name!r}"
        )
    if scores.shape[1] < 2:
        raise ValueError(
            f"{name!r} returns {scores.shape[1]} score an image, from which no class can be told: a server would give "
            "it the probability 1 always. Where it is one sigmoid, give the model two classes: their logits are 0 and "
            "the sigmoid's"
        )
    if not np.isfinite(scores).all():
        layers = [each.name for each in all_layers(network.model) if _has_bad_weights(each)]
        where = f"; weights that are not finite: {_listed(layers)}" if layers else ", though all its weights are"
        raise ValueError(f"The scores of {name!r} are not finite (NaN or infinity){where}. Train or load it again")
    return scores


def check_ops(network: Network, graph_def: Any) -> None:
    """Raise ValueError for an operation that a server could not run, and name the layer that brought it."""
    found = unservable(graph_def)
    if found:
        first = found[0]
        layer = layer_of(first.path, (each.name for each in all_layers(network.model)))
        origin = f"layer {layer!r}" if layer else f"node {first.path!r}"
        raise ValueError(
            f"{network.model.name!r} cannot be served: {origin} uses {first.op}, which {first.why}. Leave it out of "
            "the model to serve, or build it of stock TensorFlow operations (a WebPLayer in a tf.function of your own "
            "that was called before keeps Pillow there: give it codec='graph')"
        )


def check_answers(network: Network, signatures: dict[str, Any], expected: Expected) -> None:
    """Raise ValueError where the graph does not answer as the model does with Pillow."""
    for name, (inputs, outputs) in expected.items():
        given = tf.constant(inputs[INPUTS[name]])
        answers = {key: value.numpy() for key, value in signatures[name](given).items()}
        again = signatures[name](given)[LOGITS].numpy()
        allowed = tolerance_of(outputs[LOGITS])
        if not np.abs(again - answers[LOGITS]).max() <= allowed:  # seeded, the first call may agree by chance
            raise ValueError(_random(network, signatures[name].graph.as_graph_def()))
        if VALID in outputs and not answers[VALID].all():
            raise ValueError(_differs(network, name, f"image {int(answers[VALID].argmin())} is not decoded"))
        if DEFENDED in outputs:
            differ = int((answers[DEFENDED] != outputs[DEFENDED]).sum())
            if differ:
                raise ValueError(_differs(network, name, f"{differ} of {outputs[DEFENDED].size} pixel values differ"))
        distance = float(np.abs(answers[LOGITS] - outputs[LOGITS]).max())
        if not distance <= allowed:
            raise ValueError(_differs(network, name, f"logits are up to {distance:.2g} apart"))


def _random(network: Network, graph_def: Any) -> str:
    layers = all_layers(network.model)
    names = [each.name for each in layers if is_randomised(each) and not getattr(each, "layers", None)]
    for use in random_uses(graph_def):
        layer = layer_of(use.path, (each.name for each in layers))
        names += [layer] if layer else []
    named = f": {_listed(names)}" if names else ""
    return (
        f"The graph of {network.model.name!r} answers the same images otherwise from call to call: a layer in it is "
        f"random{named}. Export a model without it, or a SmoothedClassifier with a seed"
    )


def _differs(network: Network, signature: str, what: str) -> str:
    height, width = network.size
    return (
        f"The graph of {network.model.name!r} ({signature}, {height}x{width}) does not answer as the model does with "
        f"Pillow's codec: {what}. The codec in the graph is libwebp 1.6.0's; Pillow here has libwebp "
        f"{features.version_module('webp')}"
    )


def _has_bad_weights(layer: Any) -> bool:
    own = [] if getattr(layer, "layers", None) else layer.weights
    return any(not np.isfinite(np.asarray(weight, np.float32)).all() for weight in own)


def _listed(names: list[str]) -> str:
    unique = list(dict.fromkeys(names))
    more = f" and {len(unique) - _MOST_NAMES} more" if len(unique) > _MOST_NAMES else ""
    return ", ".join(repr(name) for name in unique[:_MOST_NAMES]) + more
