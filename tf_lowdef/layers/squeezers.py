"""Every image as it is and as several defences make it, as one batch: what a gate asks its classifier about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.gradients import offered_gradients, with_gradient
from tf_lowdef.layers.image_layer import CHANNELS, Shape
from tf_lowdef.layers.random_crop import count_copies

PIXELS = (0, 255)


@keras.saving.register_keras_serializable(package="tf_lowdef")
class SqueezersLayer(keras.layers.Layer):
    """Puts every image as it is and as each of several defences makes it into one batch, one behind the other.

    The classifier behind it is asked once about all of them; a :class:`GateHead` behind the classifier compares its
    answers. "Squeezers" is what Xu et al. 2018 (NDSS, "Feature squeezing") call such defences.

    Args:
        squeezers: Of each defence its layers, in the order that the image meets them, from pixels in [0, 255] to such.
        gradient: What stands for the derivative of the layers in it that offer it; the others get the strongest that
            they have. None leaves each with its own.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, height, width, 3)``, or 1 for grey in place of 3, in [0, 255].

    Output shape:
        ``(batch * copies, height, width, 3)``: the image, then what each defence makes of it; random crops make several
        of one.

    Raises:
        ValueError: There is no defence, one has no layers, or the shape is wrong.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import FlipLayer, MedianLayer, WebPLayer
        >>> from tf_lowdef.layers import SqueezersLayer
        >>> layer = SqueezersLayer([[WebPLayer(60), FlipLayer()], [MedianLayer(3)]])
        >>> images = np.full((2, 16, 16, 3), 128, np.uint8)
        >>> layer(images).shape.as_list()  # of each the image, and what the two defences make of it
        [6, 16, 16, 3]
    """

    def __init__(self, squeezers: Sequence[Sequence[Any]], gradient: str | None = None, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        chains: list[list[Any]] = [[_as_layer(each) for each in chain] for chain in squeezers]
        if not chains or not all(chains):
            raise ValueError(f"A gate needs a defence with a layer at least, to compare with. Received: {squeezers!r}")
        if gradient is not None:
            chains = [[with_gradient(layer, gradient) for layer in chain] for chain in chains]
        self.squeezers = chains
        self.chosen_gradient = gradient
        self.inner = [layer for chain in chains for layer in chain]  # in one list, where Keras saves their weights
        for layer in self.inner:
            if tuple(getattr(layer, "value_range", PIXELS)) != PIXELS:
                raise ValueError(
                    f"A gate takes pixels in [0, 255], and so must its defences. Received: {layer.name!r} with "
                    f"value_range={layer.value_range}"
                )

    @property
    def gradients(self) -> tuple[str, ...]:
        """What an attacker may put in place of the derivatives in it: all that some layer offers, strongest first."""
        return tuple(dict.fromkeys(each for layer in self.inner for each in offered_gradients(layer)))

    @property
    def gradient(self) -> str | None:
        """The choice, or else that of the first layer that has one; None where none has."""
        return self.chosen_gradient or next((layer.gradient for layer in self.inner if offered_gradients(layer)), None)

    @property
    def copies_of_each(self) -> tuple[int, ...]:
        """How many images each defence makes of one."""
        return tuple(count_copies(chain) for chain in self.squeezers)

    @property
    def copies(self) -> int:
        """How many images come out for one: itself, and those of every defence."""
        return 1 + sum(self.copies_of_each)

    def with_gradient(self, gradient: str) -> SqueezersLayer:
        """Return the layer with another choice of gradient; layers that need not be made anew are shared."""
        return SqueezersLayer(self.squeezers, gradient, dtype=self.dtype_policy)

    def build(self, input_shape: Shape) -> None:
        """Build the layers of every defence for the images that reach them."""
        self.compute_output_shape(input_shape)
        for chain in self.squeezers:
            shape = tuple(input_shape)
            for layer in chain:
                if not layer.built:
                    layer.build(shape)
                shape = tuple(layer.compute_output_shape(shape))
        super().build(input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with `copies` times the batch."""
        if len(input_shape) != 4 or input_shape[-1] not in (None, *CHANNELS):
            raise ValueError(
                f"SqueezersLayer {self.name!r} takes RGB or grey images of shape (batch, height, width, 3) or (batch, "
                f"height, width, 1). Received: shape={tuple(input_shape)}"
            )
        batch, *rest = input_shape
        return (None if batch is None else batch * self.copies, *rest)

    def call(self, inputs: Any) -> tf.Tensor:
        """Let every defence have the images, and join what comes out."""
        images = tf.convert_to_tensor(inputs)
        shape = self.compute_output_shape(tuple(images.shape))
        whole = tf.cast(images, tf.float32)
        views = [self._of_each_image(images, images, 1)]
        for chain, copies in zip(self.squeezers, self.copies_of_each, strict=True):
            seen = whole if getattr(chain[0], "autocast", True) else images
            for layer in chain:
                seen = layer(seen, training=False)
            views.append(self._of_each_image(seen, images, copies))
        joined = tf.concat(views, axis=1)
        return tf.ensure_shape(tf.reshape(joined, tf.concat([[-1], tf.shape(joined)[2:]], 0)), shape)

    def _of_each_image(self, seen: Any, images: tf.Tensor, copies: int) -> tf.Tensor:
        """Return views as (images, copies of one, height, width, channels), in the compute dtype."""
        found = tf.cast(seen, self.compute_dtype)
        return tf.reshape(found, tf.concat([[tf.shape(images)[0], copies], tf.shape(images)[1:]], 0))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        described = [[keras.saving.serialize_keras_object(layer) for layer in chain] for chain in self.squeezers]
        return {**super().get_config(), "squeezers": described, "gradient": self.chosen_gradient}


def _as_layer(each: Any) -> Any:
    """Return a layer, made anew where its description is given; the safe mode of a file that is loaded holds on."""
    return keras.saving.deserialize_keras_object(each) if isinstance(each, dict) else each
