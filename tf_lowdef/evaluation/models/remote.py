"""The site of an evaluation in another process: the same model, and TensorFlow made to compute the same there."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.evaluation.models.answers import Answers, answers, differing
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.evaluation.versions import versions
from tf_lowdef.keras_compat import all_layers
from tf_lowdef.threads import available_cores

_MAY_DIFFER = "python"
"""The version that decides no result."""
_KERAS = ("keras", "keras_hub")
"""Packages whose classes Keras finds without their being registered."""
_REASON = 200
"""Characters of a reason that are told: some name everything that a class holds on to."""


@dataclass(frozen=True)
class ModelsRecipe:
    """What a worker makes its site of; called there.

    Models and layers travel as Keras files, with their weights, and are made anew. The user's own classes travel with
    them: as code where no module has them that could be imported (of a notebook, a script, a function).

    Attributes:
        models: The user's classes, the classifier, the surrogate (None where there is none) and the defences by name,
            pickled.
        settings: Further arguments of `RunModels`.
        versions: Of everything that decides a result, where the run is driven.
        answers: What the models and defences make of a few images there.
    """

    models: bytes
    settings: Mapping[str, Any]
    versions: Mapping[str, str] = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)

    def __call__(self) -> RunModels:
        """Make the site, in a process where TensorFlow has not begun to compute.

        Raises:
            ValueError: The worker has other versions of what decides the results, or its copy of a model or a defence
                answers otherwise than the original.
        """
        check_versions(self.versions)
        make_deterministic(available_cores(), self.settings["seed"])
        _, model, surrogate, defences = pickle.loads(self.models)  # noqa: S301 - the driver's own
        site = RunModels(model, defences, surrogate=surrogate, **self.settings)
        other = differing(site, self.answers, answers(site))
        if other:
            raise ValueError(
                f"The same images get other answers of a worker's copy of {' and of '.join(other)} than of the "
                "original: get_config() must return all arguments, and nothing may be set on the object afterwards"
            )
        return site


def write_recipe(site: RunModels) -> ModelsRecipe:
    """Return what a worker elsewhere makes the same site of.

    Raises:
        ValueError: A model or a layer cannot be saved, so that no other process can have it.
    """
    of_defences = {f"the defence {name!r}": defence.layers for name, defence in site.defences.items()}
    classes: dict[str, Any] = {}
    for where, layers in {"the model": [site.model], "the surrogate": [site.surrogate], **of_defences}.items():
        for layer in layers:
            classes.update(_own_classes(where, layer))
    try:
        if not isinstance(site.model, keras.layers.Layer):
            raise TypeError(f"{type(site.model).__name__} is no Keras model")
        return ModelsRecipe(
            _pickled((_Classes(classes), site.model, site.surrogate, dict(site.defences))),
            {"batch_size": site.batch_size, "seed": site.seed, "draws": site.draws},
            versions(),
            answers(site),
        )
    except Exception as error:  # whatever a layer's get_config raises
        raise ValueError(
            f"Model and layers must each be one that Keras can save, for Ray's workers get a copy: {error}"
        ) from error


def _own_classes(where: str, layer: Any) -> dict[str, Any]:
    """Return the classes of a layer and those in it that are not Keras' own, by their names there.

    Raises:
        ValueError: One of them cannot be shipped; the text names it.
    """
    inner = [layer, *all_layers(layer)] if isinstance(layer, keras.layers.Layer) else []
    kinds = {type(each) for each in inner if type(each).__module__.partition(".")[0] not in _KERAS}
    found = {keras.saving.get_registered_name(kind): kind for kind in sorted(kinds, key=lambda kind: kind.__qualname__)}
    for name, kind in found.items():
        try:
            _pickled({name: kind})
        except Exception as error:  # whatever its code holds on to
            reason = " ".join(str(error).split())[:_REASON]
            raise ValueError(f"Ray's workers cannot have the class {kind.__name__} of {where}: {reason}") from error
    return found


class _Classes:
    """Classes that Keras knows, in the process that unpickles them, before what stands behind them there."""

    def __init__(self, classes: dict[str, Any]) -> None:
        self._classes = classes

    def __reduce__(self) -> tuple[Any, ...]:
        return _register, (self._classes,)


def _register(classes: dict[str, Any]) -> None:
    keras.saving.get_custom_objects().update(classes)


def _pickled(value: Any) -> bytes:
    """Return a value pickled, with classes as code where no module has them: Ray's cloudpickle does that."""
    try:
        from ray import cloudpickle
    except ModuleNotFoundError:  # said where the workers are asked for
        return pickle.dumps(value)
    pickled: bytes = cloudpickle.dumps(value)
    return pickled


def check_versions(wanted: Mapping[str, str]) -> None:
    """Raise ValueError where this process has other versions than `wanted`, which would give other results."""
    here = versions()
    other = [f"{name} {here.get(name)}" for name in wanted if name != _MAY_DIFFER and here.get(name) != wanted[name]]
    if other:
        there = ", ".join(f"{name} {wanted[name]}" for name in wanted if name != _MAY_DIFFER)
        raise ValueError(
            f"A worker has {', '.join(other)}; the run is driven with {there}: install the same everywhere"
        )


def make_deterministic(threads: int, seed: int) -> None:
    """Make TensorFlow compute the same wherever it runs: fixed threads, no nondeterministic kernels.

    Args:
        threads: Within an operation; operations run one after the other.
        seed: For what takes none of its own.
    """
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)  # several workers may share one
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
