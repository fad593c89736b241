"""A Keras model that trains a classifier on attacked images behind a defence."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.defences import Defence, make_defence
from tf_lowdef.keras_compat import all_layers, name_for_scopes
from tf_lowdef.layers.gradients import STOPPED, with_gradient
from tf_lowdef.layers.pixel_layer import WEBP_GRADIENTS
from tf_lowdef.models.adapter import as_classifier
from tf_lowdef.training.fitted import as_indices, check_data, check_validation, warn_of_range
from tf_lowdef.training.losses import check_loss, check_metrics, label_form
from tf_lowdef.training.recipes import Recipe, Step, parse_recipe
from tf_lowdef.training.recipes.recipe import image_keys
from tf_lowdef.validation import check_choice, check_integer, check_number

GRADIENT = "smoothed"
"""Of the layers that offer it: what trains against the identity alone holds against the identity alone."""

_LOOKS = 1009
"""A prime above the number of looks of any step, so that no two looks of a training draw by the same keys."""
_ROUNDING = 2**31
"""Above every seed, and below what a replica adds: what draws how a share is rounded draws nothing else."""


@keras.saving.register_keras_serializable(package="tf_lowdef")
class AdversarialTrainer(keras.Model):
    """Trains a classifier, through a defence, on the attacked images that a recipe makes of every batch.

    An attacker who knows of a defence makes nothing of it; a classifier that was trained on what gets through the
    defence keeps some of its accuracy. ``compile``, ``fit``, callbacks, mixed precision, gradient clipping and
    ``tf.distribute`` work as with any Keras model. ``evaluate`` and ``predict`` are those of the defended classifier on
    the images as they are given; the accuracy that ``fit`` shows of its training is that on attacked images.

    The weights are `model`'s own: it is trained in place, and saved with ``model.save``. Layers that are not
    ``trainable`` stay as they are; the defence is never trained.

    The attack goes through the classifier at inference, with the moving averages of batch normalisation, as an
    attacker meets it (Pang et al. 2021, arXiv 2010.00467, section 3.6). The training itself goes through it once, so
    that the statistics that it gathers are those of attacked images behind the defence, in their share, and of
    attacked bare ones. What is random follows from `seed` and the number of the step, not from what was drawn before.

    Args:
        model: What :func:`tf_lowdef.as_classifier` takes.
        attack: The recipe: ``"fgsm-rs:4"``, ``"pgd:4,steps=7"``, ``"trades:4"``, ``"vaccinate:40-80"``,
            ``"noise:0.25"``, or a :class:`tf_lowdef.training.Recipe`.
        defence: What :func:`tf_lowdef.defences.make_defence` takes. One that draws draws anew in every look.
        bare: The share of each batch that is attacked and trained on without the defence, 0 to 1; of batches that it
            does not divide on average.
        gradient: The backward pass of layers without a derivative, as the attack takes it where they offer it:
            ``"smoothed"``, ``"straight_through"``, or WebP's ``"dct"``.
        seed: A nonnegative integer.
        input_range: See ``as_classifier``.
        outputs: See there.
        **kwargs: ``name``.

    Call arguments:
        inputs: Pixels in [0, 255], whatever range `model` takes; shape (batch, height, width, channels).

    Raises:
        TypeError: `model` is no Keras model, or a defence is none.
        ValueError: An argument is wrong, or the defence does not fit the classifier.

    Example:
        >>> import keras, numpy as np
        >>> from tf_lowdef.training import AdversarialTrainer
        >>> images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), np.uint8)
        >>> labels = (images.mean(axis=(1, 2, 3)) > 127.5).astype(int)  # dark or bright
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])

        >>> trainer = AdversarialTrainer(model, "fgsm-rs:4", defence="flip", input_range=(0, 255))
        >>> trainer.compile("adam", metrics=["accuracy"])
        >>> sorted(trainer.fit(images, labels, epochs=1, verbose=0).history)
        ['accuracy', 'loss']
        >>> model.save("hardened.keras")  # the model's own weights were trained
    """

    def __init__(
        self,
        model: Any,
        attack: str | Recipe = "fgsm-rs:4",
        *,
        defence: Any = "none",
        bare: float = 0.0,
        gradient: str = GRADIENT,
        seed: int = 0,
        input_range: Any = None,
        outputs: str | None = None,
        **kwargs: Any,
    ) -> None:
        recipe = attack if isinstance(attack, Recipe) else parse_recipe(attack)
        chosen = make_defence(defence)
        check_number("bare", bare, 0, 1)
        check_choice("gradient", gradient, [each for each in WEBP_GRADIENTS if each != STOPPED])
        check_integer("seed", seed, 0, 2**31 - 1)
        classifier = as_classifier(model, input_range, outputs)
        chosen.probe(classifier.input_shape)
        # Not cast to half precision on the way in, which would change pixels; the classifier casts by itself.
        super().__init__(autocast=False, dtype=_policy(classifier), **kwargs)
        name_for_scopes(classifier.variables)
        self.classifier = classifier
        self.recipe = recipe
        self.bare = float(bare)
        self.gradient = gradient
        self.seed = seed
        self._range_told = False
        # Past Keras' bookkeeping, which would train a defence's weights.
        attacked = dataclasses.replace(chosen, layers=[with_gradient(each, gradient) for each in chosen.layers])
        object.__setattr__(self, "_defences", (chosen, attacked))
        self.supports_jit = all(each.supports_jit for each in self.defence.layers)
        self.step_count = self.add_weight(
            shape=(), dtype="int64", initializer="zeros", trainable=False, name="step_count",
            aggregation="only_first_replica", autocast=False,
        )  # fmt: skip
        self.built = True  # the classifier is; callbacks that read or write weights want to know

    @property
    def defence(self) -> Defence:
        """What stands in front of the classifier."""
        found: Defence = self._defences[0]
        return found

    def attacked_classifier(self) -> Any:
        """Return the defended classifier as its attacker has it: with the backward passes of `gradient`."""
        found: Defence = self._defences[1]
        return found.in_front_of(self.classifier)

    def compile(self, optimizer: Any = "adam", loss: Any = None, **kwargs: Any) -> None:
        """Configure the training, as ``keras.Model.compile`` does.

        Args:
            optimizer: See there.
            loss: Of labels and logits; None takes the cross-entropy of class indices. Labels that are one-hot need
                ``keras.losses.CategoricalCrossentropy(from_logits=True)``.
            **kwargs: See there.

        Raises:
            ValueError: The loss or a metric takes probabilities, where the classifier gives logits.
        """
        if loss is None:
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        chosen = check_loss(loss, self.classifier.output_shape[-1])
        for name in ("metrics", "weighted_metrics"):
            check_metrics(name, kwargs.get(name))
        super().compile(optimizer=optimizer, loss=chosen, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as a saved trainer was; Keras does so by itself only where ``compile`` is its own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train, as ``keras.Model.fit`` does, after a look at the first images and labels.

        Raises:
            ValueError: Images are not in [0, 255], a label has no class, or labels are not of the loss' form.
        """
        if not self._range_told:
            warn_of_range(self.classifier)
        self._range_told = True
        classes, form = self.classifier.output_shape[-1], label_form(self.loss)
        x = check_data(x, y, classes, form)
        if "validation_data" in kwargs:
            kwargs["validation_data"] = check_validation(kwargs["validation_data"], classes, form)
        return super().fit(x, y, *args, **kwargs)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the logits of images behind the defence; in training, of every view, a share of each bare."""
        views = inputs if isinstance(inputs, tuple | list) else (inputs,)
        if not training:
            return self._look(self.defence, views, None, None, False)[0]
        seed = self._step_seed()
        keys = image_keys(seed, tf.shape(views[0], tf.int64)[0])
        logits = self._look(self.defence, views, keys, self._alone(views[0], seed), True)
        return logits[0] if len(logits) == 1 else logits

    def train_step(self, data: Any) -> Any:
        """Attack a batch and train on what comes out, by Keras' own step."""
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        images = tf.cast(x, tf.float32)
        seed = self._step_seed()
        alone = self._alone(images, seed)

        def look(points: Any, number: int) -> Any:
            keys = image_keys(seed + tf.constant([0, number], tf.int64), tf.shape(points, tf.int64)[0])
            return tf.cast(self._look(self._defences[1], (points,), keys, alone, False)[0], tf.float32)

        views = self.recipe.views(Step(images, as_indices(y), look, seed))
        views = tuple(tf.stop_gradient(view) for view in views)
        found = super().train_step((views[0] if len(views) == 1 else views, y, weights))
        self.step_count.assign(self.step_count + 1)
        return found

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the compiled loss; of several views, the recipe's loss."""
        if not isinstance(y_pred, tuple | list):
            return super().compute_loss(x, y, y_pred, sample_weight, training)

        def own(labels: Any, logits: Any, weights: Any) -> Any:
            return super(AdversarialTrainer, self).compute_loss(x, labels, logits, weights, training)

        return self.recipe.loss(own, y, tuple(y_pred), sample_weight)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Update and return the metrics, in training those of the attacked images."""
        last = y_pred[-1] if isinstance(y_pred, tuple | list) else y_pred
        return super().compute_metrics(x, y, last, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same trainer again."""
        return {
            "name": self.name,
            "model": keras.saving.serialize_keras_object(self.classifier),
            "attack": self.recipe.spec,
            "defence": [keras.saving.serialize_keras_object(each) for each in self.defence.layers],
            "defence_name": self.defence.name,
            "bare": self.bare,
            "gradient": self.gradient,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> AdversarialTrainer:
        """Return the trainer of a configuration."""
        config = dict(config)
        model = keras.saving.deserialize_keras_object(config.pop("model"))
        layers = [keras.saving.deserialize_keras_object(each) for each in config.pop("defence")]
        return cls(model, defence=Defence(config.pop("defence_name"), layers), **config)

    def _step_seed(self) -> Any:
        """Return int64 (2,) for this step and this replica."""
        replica = tf.distribute.get_replica_context()
        number = 0 if replica is None else replica.replica_id_in_sync_group
        step = tf.cast(tf.convert_to_tensor(self.step_count), tf.int64)
        return tf.stack([tf.constant(self.seed, tf.int64) + 2**32 * tf.cast(number, tf.int64), step * _LOOKS])

    def _alone(self, images: Any, seed: Any) -> Any:
        """Return how many of a batch go bare in this step, None where none ever does.

        What is left of the share of a small batch is rounded up as often as it is large, or it would never go bare.
        """
        if not self.bare or not self.defence.layers:
            return None
        share = self.bare * tf.cast(tf.shape(images)[0], tf.float32)
        drawn = tf.random.stateless_uniform([], seed + tf.constant([_ROUNDING, 0], tf.int64))
        return tf.cast(tf.floor(share), tf.int32) + tf.cast(drawn < share - tf.floor(share), tf.int32)

    def _look(self, defence: Defence, views: Any, keys: Any, alone: Any, training: bool) -> tuple[Any, ...]:
        """Return the logits of every view, the last `alone` of each without the defence; all go as one batch."""
        behind, parts = tf.shape(views[0])[0] - (0 if alone is None else alone), []
        for view in views:
            seen = defence.apply(view[:behind], None if keys is None else keys[:behind])
            parts.append(tf.concat([tf.cast(seen, tf.float32), view[behind:]], axis=0) if alone is not None else seen)
        together = parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)
        logits = self.classifier(together, training=training)
        rows = behind * defence.copies
        found = []
        for part in tf.split(logits, len(parts)):
            merged = defence.merge(part[:rows])
            found.append(tf.concat([merged, part[rows:]], axis=0) if alone is not None else merged)
        return tuple(found)


def _policy(classifier: Any) -> Any:
    """Return the policy that scales losses where any of the classifier computes in half precision."""
    halves = [each.dtype_policy for each in all_layers(classifier) if each.compute_dtype == "float16"]
    return halves[0] if halves else classifier.dtype_policy
