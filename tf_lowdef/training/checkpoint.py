"""All that a training has come to after an epoch, kept whole, so that it goes on where it was killed."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tf_lowdef.jobs import Record, Store, Unit
from tf_lowdef.training.guards import RobustValidation, is_whole

_UNIT = Unit("training/last-epoch")
_STATE, _BEST = "state", "best"


class Checkpoint(keras.callbacks.Callback):
    """Writes the state of an :class:`AdversarialTrainer` and of its validation into a run's folder after every epoch.

    ``keras.callbacks.BackupAndRestore`` leaves out what layers draw by, such as dropout, the best weights so far, and
    the history. It stands last among the callbacks.

    Args:
        store: The run's; None keeps nothing.
        validation: What measures and keeps the best weights.

    Attributes:
        curves: The logs of every epoch so far, one list each.
        epochs: How many epochs are done.
    """

    def __init__(self, store: Store | None, validation: RobustValidation) -> None:
        super().__init__()
        self._store = store
        self._validation = validation
        self.curves: dict[str, list[float]] = {}
        self.epochs = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write, unless the epoch was none."""
        if not is_whole(logs):
            return
        for name, value in (logs or {}).items():
            self.curves.setdefault(name, []).append(float(value))
        self.epochs = epoch + 1
        if self._store is None:
            return
        watch = self._validation
        arrays = {f"{_STATE}{place:05d}": value for place, value in enumerate(map(_value, _state(self.model)))}
        arrays |= {f"{_BEST}{place:05d}": _plain(value) for place, value in enumerate(watch.best_weights or [])}
        facts = {
            "epochs": self.epochs,
            "curves": self.curves,
            "watched": watch.history,
            "best_epoch": watch.best_epoch,
            "overfitted": watch.overfitted,
            "stopped": bool(self.model.stop_training),
        }
        self._store.save(_UNIT, Record(arrays, facts))

    def restore(self, trainer: Any) -> bool:
        """Bring a compiled trainer to where an earlier process left it; return whether its training is over.

        Args:
            trainer: Made of the same model as then.
        """
        record = None if self._store is None else self._store.load(_UNIT)
        if record is None:
            return False
        trainer.optimizer.build(trainer.trainable_variables)
        for variable, value in zip(_state(trainer), _entries(record, _STATE), strict=True):
            variable.assign(value)
        facts, watch = record.facts, self._validation
        self.epochs, self.curves = facts["epochs"], dict(facts["curves"])
        watch.history, watch.best_epoch = dict(facts["watched"]), facts["best_epoch"]
        watch.overfitted, watch.best_weights = facts["overfitted"], _entries(record, _BEST) or None
        return bool(facts["stopped"])


def _state(trainer: Any) -> list[Any]:
    """Return every variable that a step reads or writes, once each."""
    found = [*trainer.variables, *trainer.optimizer.variables]
    return list({id(each): each for each in found}.values())


def _value(variable: Any) -> Any:
    return _plain(np.asarray(keras.ops.convert_to_numpy(variable)))


def _plain(value: Any) -> Any:
    """Return an array of a type that numpy itself has, as files need: bfloat16 fits into float32."""
    return value if value.dtype.isbuiltin == 1 else value.astype(np.float32)


def _entries(record: Record, what: str) -> list[Any]:
    return [record[name] for name in sorted(record.arrays) if name.startswith(what)]
