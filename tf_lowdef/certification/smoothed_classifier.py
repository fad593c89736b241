"""The smoothed classifier itself, as a Keras model: it answers by the votes that a certificate is given for."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.certification.algorithm import predict_votes
from tf_lowdef.certification.soundness import check_sound
from tf_lowdef.certification.votes import noisy_copies, seeded_keys
from tf_lowdef.defences import BARE, make_defence
from tf_lowdef.evaluation.models.predict import class_count
from tf_lowdef.keras_compat import all_layers
from tf_lowdef.layers import RandomisedLayer
from tf_lowdef.layers.compiled import compiled, infer
from tf_lowdef.layers.draws import scope_keys
from tf_lowdef.models import as_classifier
from tf_lowdef.models.networks import sample_images
from tf_lowdef.results.smoothing import check_draws, check_sigma
from tf_lowdef.validation import check_integer

Shape = tuple[int | None, ...]

SMALLEST_SHARE = 1e-6
"""Below it a class' probability gives no gradient any more: its inverse would only make rounding errors large."""


@keras.saving.register_keras_serializable(package="tf_lowdef")
class SmoothedClassifier(keras.Model):
    """Answers what a classifier says most often when Gaussian noise is added to the image.

    The g of Cohen, Rosenfeld and Kolter 2019: :func:`tf_lowdef.certify` proves within which L2 radius its answer stays.
    With the seed and as many draws as that had, each image gets the very votes that its certificate is made of.

    What it returns are logits whose softmax is the share of the votes: ``log((votes + 1 / classes) / (n + 1))``. Votes
    have no gradient; it passes on that of the probabilities' mean over the draws (Salman et al. 2019), so that attacks
    on it are no weaker than it deserves.

    A certificate says that the class named stays the most probable one; a vote of `n` draws near the end of the radius
    may still miss it by chance. :meth:`classify` abstains there.

    - ``seed=None`` draws anew in every call. That is what the guarantee of :meth:`classify` is about.
    - With a seed an image gets the same noise in every call, which follows from image and seed: answers can be
      repeated, and the model exported (``tf_lowdef.serving.export``). An attacker who knows the seed can look for an
      image whose noise suits him, near the end of the radius.

    Args:
        classifier: Any Keras model from images to class scores, see :func:`tf_lowdef.as_classifier`.
        sigma: Standard deviation of the noise, for images in [0, 1], from 0.002 to 1.
        defence: What stands between noise and classifier, as in :func:`tf_lowdef.certify`; ``"none"`` for nothing.
        n: Draws for each image.
        alpha: The probability with which :meth:`classify` may name a class that is not the most probable one.
        seed: None, or an integer from 0 to 2**32 - 1.
        batch_size: Noisy copies in a forward pass, which memory depends on.
        **kwargs: ``name``.

    Input shape:
        ``(batch, height, width, 3)``, or 1 for grey in place of 3; pixels in [0, 255].

    Output shape:
        ``(batch, classes)``.

    Raises:
        TypeError: `classifier` is no Keras model.
        ValueError: An argument is wrong; or classifier or defence draw, look at the whole batch, or smooth already.

    Example:
        >>> from tf_lowdef import SmoothedClassifier, load_demo
        >>> model, images, labels = load_demo()
        >>> smoothed = SmoothedClassifier(model, sigma=0.12, n=50, seed=0)
        >>> votes = smoothed.votes(images[:2])
        >>> votes.shape, votes.sum(axis=1).tolist()
        ((2, 10), [50, 50])
        >>> smoothed.save("smoothed.keras")
    """

    def __init__(
        self,
        classifier: Any,
        sigma: float,
        defence: Any = BARE,
        n: int = 1000,
        alpha: float = 0.001,
        seed: int | None = None,
        batch_size: int = 32,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype="float32", autocast=False, **kwargs)  # half precision would round pixel and noise
        self.sigma = check_sigma(sigma)
        self.n, _, self.alpha = check_draws(n, 1, alpha)
        self.batch_size = check_integer("batch_size", batch_size, 1)
        refuse_smoothed(classifier)
        self.classifier = make_defence(defence).in_front_of(as_classifier(classifier))
        self.classes = class_count(self.classifier)
        self.noise = _Noise(seed)
        shape = tuple(self.classifier.input_shape)
        images = sample_images(shape[1:])
        noise = np.random.default_rng(0).normal(0, 255 * self.sigma, images.shape)
        check_sound(self.classifier, (images + noise).astype(np.float32))
        self.build(shape)

    @property
    def seed(self) -> int | None:
        """What the noise follows from, besides the image; None where it is drawn anew in every call."""
        seed: int | None = self.noise.seed
        return seed

    def build(self, input_shape: Shape) -> None:
        """Remember the shape; the classifier is built."""
        del input_shape
        self.built = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with a row an image."""
        return (input_shape[0], self.classes)

    def call(self, inputs: Any) -> Any:
        """Return the logits of the votes."""
        return self._compiled(_vote_logits, inputs)

    def votes(self, images: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return for how many draws each class was said.

        Args:
            images: uint8 or float pixels in [0, 255], shape (batch, height, width, channels).

        Returns:
            int64, shape (batch, classes), summing to `n`.
        """
        counted = self._compiled(_votes, np.asarray(images, np.float32))
        return np.asarray(counted, np.int64)

    def classify(self, images: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the class of each image, -1 where the votes prove none: PREDICT of Cohen et al. 2019.

        Another class than the most probable one comes out with a probability of at most `alpha`, for each image.

        Args:
            images: As for :meth:`votes`.

        Returns:
            int64, shape (batch,).
        """
        return predict_votes(self.votes(images), self.alpha)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same model again; its classifier has the defence in it."""
        return {
            "name": self.name,
            "classifier": keras.saving.serialize_keras_object(self.classifier),
            "sigma": self.sigma,
            "n": self.n,
            "alpha": self.alpha,
            "seed": self.seed,
            "batch_size": self.batch_size,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> SmoothedClassifier:
        """Make the model again."""
        classifier = keras.saving.deserialize_keras_object(config["classifier"], custom_objects=custom_objects)
        return cls(**{**config, "classifier": classifier})

    def keys(self, images: Any) -> Any:
        """Return what each image's noise is drawn by: int64, shape (batch, 2)."""
        return self.noise.keys(images) if self.seed is None else seeded_keys(images, self.seed)

    def _compiled(self, function: Any, images: Any) -> Any:
        """Return what a function makes of this model and images: as a graph, which a loop over draws needs."""
        tensor = tf.cast(tf.convert_to_tensor(images), tf.float32)
        if not tf.executing_eagerly():
            return function(self, tensor)
        keys = scope_keys() if self.seed is None else None
        return compiled(self, function, tensor, keys=keys)


@keras.saving.register_keras_serializable(package="tf_lowdef")
class _Noise(RandomisedLayer):
    """Where a smoothed classifier's noise comes from."""

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **{"name": "noise", **kwargs})
        self.randomised = seed is None
        self.built = True


def refuse_smoothed(model: Any) -> None:
    """Raise ValueError for a model that is smoothed already: n draws of n draws each would take the square of them."""
    if isinstance(model, keras.layers.Layer):
        for each in [model, *all_layers(model)]:
            if isinstance(each, SmoothedClassifier):
                raise ValueError(
                    f"{each.name!r} is smoothed already; take the classifier in it, its `classifier`, instead"
                )


def _vote_logits(model: SmoothedClassifier, images: Any) -> Any:
    """Return the logits of the votes, with the gradient of the mean probabilities."""
    keys = model.keys(images)

    @tf.custom_gradient
    def logits(x: Any) -> Any:
        votes, total = _count(model, x, keys)

        def gradient(upstream: Any, variables: Any = None) -> Any:
            mean = tf.maximum(total / model.n, SMALLEST_SHARE)
            found = _gradient(model, x, keys, upstream / mean)
            return (found, [None] * len(variables)) if variables else found

        return tf.math.log((tf.cast(votes, tf.float32) + 1 / model.classes) / (model.n + 1)), gradient

    return tf.ensure_shape(logits(images), (images.shape[0], model.classes))


def _votes(model: SmoothedClassifier, images: Any) -> Any:
    return _count(model, images, model.keys(images))[0]


def _count(model: SmoothedClassifier, images: Any, keys: Any) -> tuple[Any, Any]:
    """Return the votes, int32, and the sums of the probabilities, float32, both (batch, classes)."""
    batch = tf.shape(images)[0]

    def add(number: Any, votes: Any, total: Any) -> Any:
        logits, counts = _pass(model, images, keys, number)
        hard = tf.one_hot(tf.argmax(logits, axis=-1), model.classes, dtype=tf.int32)
        soft = tf.nn.softmax(logits)
        more = tf.reduce_sum(hard * tf.cast(counts, tf.int32), axis=1)
        return number + 1, votes + more, total + tf.reduce_sum(soft * counts, axis=1)

    shape = (batch, model.classes)
    start = (tf.constant(0), tf.zeros(shape, tf.int32), tf.zeros(shape, tf.float32))
    invariants = (tf.TensorShape([]), *[tf.TensorShape([None, model.classes])] * 2)
    passes = _passes(model, batch)
    _, votes, total = tf.while_loop(
        lambda number, *_: number < passes, add, start, shape_invariants=invariants, parallel_iterations=1
    )
    return votes, total


def _gradient(model: SmoothedClassifier, images: Any, keys: Any, upstream: Any) -> Any:
    """Return the gradient of the mean probabilities, times `upstream`; the draws are made again, one pass at a time."""
    passes = _passes(model, tf.shape(images)[0])

    def add(number: Any, found: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits, counts = _pass(model, images, keys, number)
            mean = tf.reduce_sum(tf.nn.softmax(logits) * counts, axis=1) / model.n
        more = tape.gradient(mean, images, upstream)
        return number + 1, found if more is None else found + more

    loop = tf.while_loop(
        lambda number, _: number < passes, add, (tf.constant(0), tf.zeros_like(images)), parallel_iterations=1
    )
    return loop[1]


def _passes(model: SmoothedClassifier, batch: Any) -> Any:
    together = _together(model, batch)
    return -(-model.n // together)


def _together(model: SmoothedClassifier, batch: Any) -> Any:
    """Return how many draws of every image of a batch are one forward pass."""
    return tf.clip_by_value(model.batch_size // tf.maximum(batch, 1), 1, model.n)


def _pass(model: SmoothedClassifier, images: Any, keys: Any, number: Any) -> tuple[Any, Any]:
    """Return the logits of one pass, (batch, draws, classes), and 1 for each draw that counts, (1, draws, 1)."""
    together = _together(model, tf.shape(images)[0])
    numbers = tf.cast(number * together + tf.range(together), tf.int64)
    logits = tf.cast(infer(model.classifier, noisy_copies(images, keys, model.sigma, numbers)), tf.float32)
    logits = tf.debugging.check_numerics(logits, f"The output of {model.classifier.name!r} under noise is not finite")
    counts = tf.cast(numbers < model.n, tf.float32)[None, :, None]
    return tf.reshape(logits, [-1, together, model.classes]), counts
