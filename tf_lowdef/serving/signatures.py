"""The module that is saved: one core function, and the two signatures that call it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_lowdef.layers import codec_scope
from tf_lowdef.serving.decode import LIMIT, Size, decode_batch, decode_or_mark
from tf_lowdef.serving.network import CHANNELS, Network

PIXELS_SIGNATURE = "serving_default"
BYTES_SIGNATURE = "serving_bytes"
PIXELS_INPUT = "pixels"
BYTES_INPUT = "image_bytes"
"""TensorFlow Serving's REST takes base64 (``{"b64": ...}``) for inputs whose name ends in ``_bytes``."""
INPUTS = {PIXELS_SIGNATURE: PIXELS_INPUT, BYTES_SIGNATURE: BYTES_INPUT}

DEFENDED = "defended_pixels"
LOGITS = "logits"
PROBABILITIES = "probabilities"
TOP_CLASSES = "top_classes"
TOP_NAMES = "top_class_names"
VALID = "valid"

TOP = 5
"""How many classes are named."""


class Serving:
    """A defended classifier with WebP in stock operations, ready for ``tf.saved_model.save(module, signatures=...)``.

    The core is one function, which both signatures call, so that weights and codec are stored once.

    - ``serving_default`` takes ``pixels``, float32, shape (batch, height, width, 3), RGB in [0, 255]. Floats, because
      that is what JSON numbers and a client's own resizing give; the defence rounds them half to even itself.
    - ``serving_bytes`` takes ``image_bytes``, string, shape (batch,): whole JPEG or PNG files, see `decode_batch`.

    Both return, one row an image: ``probabilities`` and ``logits``, float32 (batch, classes); ``top_classes``, int32
    (batch, 5), the most probable first, fewer where the model has fewer classes; ``top_class_names``, string, of the
    same shape; ``defended_pixels``, float32 (batch, height, width, 3), what the classifier behind the defence sees, in
    its range, where the defence could be told apart; of a gate ``suspicion``, float32 (batch,), and ``defended``, bool
    (batch,), whether the defended answer was taken; ``valid``, bool (batch,), where bad images are marked.

    A bad image is a file that `decode_batch` refuses, or has pixels that are not finite. Marked, every output of it is
    zero, or an empty name; otherwise it is an error, and with it the whole batch.

    Args:
        network: What to serve.
        class_names: One a class.
        sigmoids: Whether each logit is one class' against the rest: ``probabilities`` are their sigmoids then, and
            otherwise their softmax.
        defended_pixels: Whether to return them.
        mark: Whether bad images are marked.
        limit: Height and width in pixels that a file may have at most.
        xla: Whether XLA compiles the codec.

    Attributes:
        module: Holds the weights. It does not hold the core, which would be traced and stored once more.
        output_names: Of both signatures.
    """

    def __init__(
        self,
        network: Network,
        class_names: Sequence[str],
        sigmoids: bool,
        *,
        defended_pixels: bool = True,
        mark: bool = True,
        limit: Size = LIMIT,
        xla: bool = False,
    ) -> None:
        self._xla = xla
        self._names = tf.constant(list(class_names), tf.string)
        self._sigmoids = sigmoids
        self._defended = defended_pixels
        self._network = network
        self._mark = mark
        self._limit = limit
        spec = tf.TensorSpec((None, *network.size, CHANNELS), tf.float32)
        self._call = tf.function(self._core, input_signature=[spec], autograph=False)
        core = self._call.get_concrete_function()
        self.output_names = tuple(sorted(core.structured_outputs))
        self.module = tf.Module(name="tf_lowdef_serving")
        self.module.weights = list(core.graph.variables)

    def signatures(self) -> dict[str, Any]:
        """Return the concrete functions to save, by name."""
        height, width = self._network.size

        def from_pixels(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
            images = _checked(pixels, (None, height, width, CHANNELS))
            if not self._mark:
                return dict(self._call(images))
            valid = tf.reduce_all(tf.math.is_finite(images), axis=(1, 2, 3))
            return self._marked(_where(valid, images, 0), valid)

        def from_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            files = _checked(image_bytes, (None,))
            if not self._mark:
                return dict(self._call(decode_batch(files, height, width, self._limit)))
            return self._marked(*decode_or_mark(files, height, width, self._limit))

        specs = {
            PIXELS_SIGNATURE: (from_pixels, tf.TensorSpec((None, height, width, CHANNELS), tf.float32, PIXELS_INPUT)),
            BYTES_SIGNATURE: (from_bytes, tf.TensorSpec((None,), tf.string, BYTES_INPUT)),
        }
        return {
            name: tf.function(function, input_signature=[spec], autograph=False).get_concrete_function()
            for name, (function, spec) in specs.items()
        }

    def _marked(self, pixels: tf.Tensor, valid: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = self._call(pixels).items()
        marked = {name: _where(valid, each, "" if each.dtype == tf.string else 0) for name, each in outputs}
        return {**marked, VALID: valid}

    def _core(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        with codec_scope("graph", jit_compile=self._xla):  # here, where it holds for every tracing there may be
            defended, scores, said = self._network.run(pixels)
        seen = defended if self._defended else None
        return {**named_outputs(seen, scores, names=self._names, sigmoids=self._sigmoids), **said}


def named_outputs(
    defended: tf.Tensor | None, scores: tf.Tensor, *, names: tf.Tensor, sigmoids: bool
) -> dict[str, tf.Tensor]:
    """Return the outputs of both signatures; for their shapes see `Serving`."""
    top = tf.math.top_k(scores, min(TOP, int(names.shape[0]))).indices
    outputs = {
        PROBABILITIES: tf.sigmoid(scores) if sigmoids else tf.nn.softmax(scores),
        LOGITS: scores,
        TOP_CLASSES: top,
        TOP_NAMES: tf.gather(names, top),
    }
    return outputs if defended is None else {**outputs, DEFENDED: defended}


def _where(valid: tf.Tensor, values: tf.Tensor, otherwise: Any) -> tf.Tensor:
    """Return each image's values, shape (batch, ...), where it is valid."""
    condition = tf.reshape(valid, [-1] + [1] * (values.shape.rank - 1))
    return tf.where(condition, values, tf.cast(otherwise, values.dtype) if otherwise == 0 else otherwise)


def _checked(tensor: tf.Tensor, shape: tuple[int | None, ...]) -> tf.Tensor:
    """Check a request's shape at run time, which the C++ runtime does not do on its own.

    The declared shape is hidden first, so that no optimiser may take the check out as implied by it.
    """
    hidden = tf.raw_ops.PlaceholderWithDefault(input=tensor, shape=tf.TensorShape(None))
    return tf.ensure_shape(hidden, shape)
