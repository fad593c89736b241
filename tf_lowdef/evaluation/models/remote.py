"""The site of an evaluation in another process: the same model, and TensorFlow made to compute the same there."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.evaluation.versions import versions
from tf_lowdef.threads import available_cores

_MAY_DIFFER = "python"
"""The version that decides no result."""


@dataclass(frozen=True)
class ModelsRecipe:
    """What a worker makes its site of; called there.

    Models travel as Keras files, layers as their configurations: both are made anew, not pickled.

    Attributes:
        model: The classifier, pickled by Keras.
        surrogate: The same of the surrogate, None where there is none.
        defences: The configurations of each defence's layers, by name.
        settings: Further arguments of `RunModels`.
        versions: Of everything that decides a result, where the run is driven.
    """

    model: bytes
    surrogate: bytes | None
    defences: Mapping[str, tuple[Any, ...]]
    settings: Mapping[str, Any]
    versions: Mapping[str, str] = field(default_factory=dict)

    def __call__(self) -> RunModels:
        """Make the site, in a process where TensorFlow has not begun to compute.

        Raises:
            ValueError: The worker has other versions of what decides the results.
        """
        check_versions(self.versions)
        make_deterministic(available_cores(), self.settings["seed"])
        surrogate = None if self.surrogate is None else pickle.loads(self.surrogate)  # noqa: S301 - the driver's own
        defences = {
            name: tuple(keras.saving.deserialize_keras_object(layer) for layer in layers)
            for name, layers in self.defences.items()
        }
        model = pickle.loads(self.model)  # noqa: S301
        return RunModels(model, defences, surrogate=surrogate, **self.settings)


def write_recipe(site: RunModels) -> ModelsRecipe:
    """Return what a worker elsewhere makes the same site of.

    Raises:
        ValueError: A model or a layer cannot be saved, so that no other process can have it.
    """
    try:
        return ModelsRecipe(
            pickle.dumps(site.model),
            None if site.surrogate is None else pickle.dumps(site.surrogate),
            {
                name: tuple(keras.saving.serialize_keras_object(layer) for layer in layers)
                for name, layers in site.defences.items()
            },
            {"batch_size": site.batch_size, "seed": site.seed, "draws": site.draws},
            versions(),
        )
    except Exception as error:  # whatever a layer's get_config raises
        raise ValueError(
            f"The model must be one that Keras can save, for Ray's workers get a copy of it. Keras says: {error}"
        ) from error


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
