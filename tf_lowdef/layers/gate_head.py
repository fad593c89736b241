"""Which answer a gate takes: the classifier's own, or, where defences disagree with it, that behind a defence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tf_lowdef.layers.image_layer import Shape
from tf_lowdef.results.detection import LARGEST_SUSPICION
from tf_lowdef.validation import check_choice, check_flag, check_integer, check_number

LOGITS, SUSPICION, DEFENDED = "logits", "suspicion", "defended"
"""The outputs of a gate."""

GRADIENTS = ("all_paths", "chosen")
"""What the head may pass on, the strongest for an attacker first."""


class Views(NamedTuple):
    """What a classifier says of each image.

    Attributes:
        bare: Logits of the image as it is, (n, classes).
        squeezed: Of each defence the logits behind it, (n, classes).
    """

    bare: Any
    squeezed: list[Any]


def split_views(outputs: Any, copies: Sequence[int]) -> Views:
    """Return what belongs to each image.

    Args:
        outputs: Logits, shape (n * (1 + sum(copies)), classes), as they come of a `SqueezersLayer`'s images.
        copies: How many images each defence made of one: their probabilities are averaged.
    """
    logits = tf.cast(tf.convert_to_tensor(outputs), tf.float32)
    together = tf.reshape(logits, [-1, 1 + sum(copies), logits.shape[-1]])
    bare, *parts = tf.split(together, [1, *copies], axis=1)
    means = [part if count == 1 else _log_mean(part, count) for part, count in zip(parts, copies, strict=True)]
    return Views(tf.squeeze(bare, 1), [tf.squeeze(mean, 1) for mean in means])


def suspicion_of(views: Views) -> Any:
    """Return the greatest L1 distance of the probabilities of an image as it is and behind a defence: float32, (n,).

    0 where all agree, 2 where one shares no class with the rest (Xu et al. 2018, section V, equation 2 and the maximum
    over the squeezers). Not a number where the classifier's answer is none.
    """
    bare = tf.nn.softmax(views.bare)
    return tf.reduce_max([tf.reduce_sum(tf.abs(bare - tf.nn.softmax(each)), axis=1) for each in views.squeezed], axis=0)


def more_decided(views: Views) -> Any:
    """Return where the answer behind the first defence is another than the bare one, and the more decided: bool, (n,).

    Each answer names a class; it is decided by how much more probable it holds that class than the other answer's. So
    the mean of both probabilities would choose between the two. What ends just across a boundary, as minimal-norm
    attacks do, is hardly decided, and suspicion passes it.
    """
    bare, defended = tf.nn.softmax(views.bare), tf.nn.softmax(views.squeezed[0])
    own, other = tf.argmax(views.bare, axis=1), tf.argmax(views.squeezed[0], axis=1)
    at = partial(tf.gather, batch_dims=1)
    return at(defended, other) - at(defended, own) > at(bare, own) - at(bare, other)


@keras.saving.register_keras_serializable(package="tf_lowdef")
class GateHead(keras.layers.Layer):
    """Takes the answer behind the first defence where an image looks suspicious, and elsewhere the more decided one.

    It stands behind a classifier that was asked about the images of a :class:`SqueezersLayer`. An image is suspicious
    where its `suspicion` (see :func:`suspicion_of`) is above the threshold; one of which nothing can be said, because
    the classifier's answer is not a number, is as well. Where it is not, the classifier's own answer is taken, unless
    `arbitrate` and the defended one is another and more decided (see :func:`more_decided`).

    The choice between two answers has no derivative. ``gradient="all_paths"`` is for those who attack a gate: the
    gradient of the logits goes back through all answers alike, and where the image is suspicious, the gradient of the
    suspicion is taken off. A step along it fools every path and the detector at once, which is the joint attack of
    Carlini and Wagner 2017 ("Adversarial examples are not easily detected"): what they join in one function of both is
    a sum here.

    Args:
        copies: Of each defence, how many images it makes of one.
        threshold: From 0 to 2.
        arbitrate: Whether the more decided of two answers is taken where the image is not suspicious; otherwise the
            classifier's own.
        answer: ``"logits"`` gives these alone; ``"all"`` a dictionary of ``logits``, ``suspicion`` and ``defended``.
        gradient: ``"chosen"``, that of the answer that is taken, or ``"all_paths"``.
        calibration: How the threshold was chosen, in plain values; it is kept and not looked at.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch * (1 + sum(copies)), classes)``, logits.

    Output shape:
        ``(batch, classes)``, float32: the logits; with ``answer="all"`` also ``suspicion``, float32, and ``defended``,
        bool, both ``(batch,)``: whether the answer behind the defence was taken.

    Raises:
        ValueError: An argument is out of its range, or the shape is wrong.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef.layers import GateHead
        >>> agree, disagree = [[8.0, 0.0], [8.0, 0.0]], [[8.0, 0.0], [0.0, 8.0]]  # bare, then behind the defence
        >>> outputs = np.array(agree + disagree, np.float32)
        >>> GateHead(copies=[1], threshold=0.5)(outputs).numpy().argmax(axis=1).tolist()
        [0, 1]
        >>> GateHead(copies=[1], threshold=0.5, answer="all")(outputs)["defended"].numpy().tolist()
        [False, True]
    """

    gradients = GRADIENTS

    def __init__(
        self,
        copies: Sequence[int],
        threshold: float,
        answer: str = LOGITS,
        gradient: str = "chosen",
        arbitrate: bool = True,
        calibration: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if not copies:
            raise ValueError(f"`copies` must be one number a defence, and there must be one. Received: copies={copies}")
        self.copies = [check_integer("copies", each, 1) for each in copies]
        self.threshold = check_number("threshold", threshold, 0, LARGEST_SUSPICION)
        self.answer = check_choice("answer", answer, (LOGITS, "all"))
        self.gradient = check_choice("gradient", gradient, GRADIENTS)
        self.arbitrate = check_flag("arbitrate", arbitrate)
        self.calibration = dict(calibration or {})

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """Return the shapes of what is answered."""
        views = 1 + sum(self.copies)
        if len(input_shape) != 2 or (input_shape[0] or 0) % views:
            raise ValueError(
                f"GateHead {self.name!r} takes logits of shape (batch * {views}, classes). "
                f"Received: shape={tuple(input_shape)}"
            )
        batch = None if input_shape[0] is None else input_shape[0] // views
        logits = (batch, input_shape[1])
        return logits if self.answer == LOGITS else {LOGITS: logits, SUSPICION: (batch,), DEFENDED: (batch,)}

    def compute_output_spec(self, inputs: Any, **_: Any) -> Any:
        """Return shapes and dtypes."""
        shapes = self.compute_output_shape(tuple(inputs.shape))
        if self.answer == LOGITS:
            return keras.KerasTensor(shapes, "float32")
        dtypes = {LOGITS: "float32", SUSPICION: "float32", DEFENDED: "bool"}
        return {name: keras.KerasTensor(shape, dtypes[name], name=name) for name, shape in shapes.items()}

    def call(self, inputs: Any) -> Any:
        """Compare the answers, and choose."""
        outputs = tf.cast(tf.convert_to_tensor(inputs), tf.float32)
        shapes = self.compute_output_shape(tuple(outputs.shape))
        views = split_views(outputs, self.copies)
        suspicion = suspicion_of(views)
        defended = self.takes_defended(views, suspicion)
        logits = self._answer(outputs) if self.gradient == GRADIENTS[0] else self._choose(views, defended)
        if self.answer == LOGITS:
            return tf.ensure_shape(logits, shapes)
        return {LOGITS: tf.ensure_shape(logits, shapes[LOGITS]), SUSPICION: suspicion, DEFENDED: defended}

    def takes_defended(self, views: Views, suspicion: Any) -> Any:
        """Return where the defended answer is taken: bool, of the shape of `suspicion`."""
        suspicious = tf.logical_not(suspicion <= self.threshold)  # so that what is not a number is suspicious
        return suspicious | more_decided(views) if self.arbitrate else suspicious

    def _choose(self, views: Views, defended: Any) -> Any:
        return tf.where(defended[:, None], views.squeezed[0], views.bare)

    def _answer(self, outputs: Any) -> Any:
        """Return the logits, with a gradient through all paths."""

        @tf.custom_gradient
        def answered(outputs: Any) -> Any:
            views = split_views(outputs, self.copies)
            logits = self._choose(views, self.takes_defended(views, suspicion_of(views)))
            return logits, lambda upstream: self._through_all(outputs, upstream)

        return answered(outputs)

    def _through_all(self, outputs: Any, upstream: Any) -> Any:
        """Return the gradient of all answers' mean, less that of the suspicion where it is above the threshold."""
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            views = split_views(outputs, self.copies)
            mean = tf.add_n([views.bare, *views.squeezed]) / (1 + len(views.squeezed))
            above = tf.nn.relu(suspicion_of(views) - self.threshold)
            # both parts of one size, whatever the attack's loss is multiplied by
            total = tf.reduce_sum(upstream * mean, axis=1) - tf.reduce_max(tf.abs(upstream), axis=1) * above
        return tape.gradient(total, outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        config = {name: getattr(self, name) for name in ("threshold", "answer", "gradient", "arbitrate")}
        return {**super().get_config(), **config, "copies": list(self.copies), "calibration": dict(self.calibration)}


def _log_mean(logits: Any, count: int) -> Any:
    """Return the logarithm of the mean of the probabilities of copies, (n, 1, classes), as `MeanOfCopies`."""
    return tf.reduce_logsumexp(tf.nn.log_softmax(logits), axis=1, keepdims=True) - math.log(count)
