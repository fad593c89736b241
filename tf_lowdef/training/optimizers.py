"""The optimizer of a training, checked before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

WARMUP = 0.1
"""Share of the steps in which the learning rate rises; then it falls to nothing as half a cosine."""
WEIGHT_DECAY = 1e-4

_SET_RATE = (keras.callbacks.ReduceLROnPlateau, keras.callbacks.LearningRateScheduler)


def check_optimizer(optimizer: Any, callbacks: Sequence[Any], trained: Sequence[Any]) -> Any:
    """Return the optimizer that was given, None for none, where it can train some variables.

    Args:
        optimizer: What ``keras.optimizers.get`` takes; None takes AdamW with a schedule.
        callbacks: Of the training.
        trained: The variables.

    Raises:
        ValueError: There is no such optimizer, it averages weights, it was made for other variables, there are none, or
            a callback sets the learning rate, which a schedule decides.
    """
    if not trained:
        raise ValueError("`model` must have layers to train. Received: a model none of whose weights is trainable")
    setting = [type(each).__name__ for each in callbacks if isinstance(each, _SET_RATE)]
    if optimizer is None:
        if setting:
            raise ValueError(
                "`callbacks` may set the learning rate of an optimizer that has no schedule: pass one besides, such as "
                f"optimizer=keras.optimizers.AdamW(1e-3). Received: {', '.join(setting)}"
            )
        return None
    chosen = keras.optimizers.get(optimizer)
    refuse_averages(chosen)
    known = {id(each) for each in getattr(chosen, "_trainable_variables", trained)}
    if chosen.built and any(id(each) not in known for each in trained):
        raise ValueError(
            "`optimizer` must be new, or have trained this model: it keeps something for every weight. "
            f"Received: a {type(chosen).__name__} that has trained another"
        )
    return chosen


def refuse_averages(optimizer: Any) -> None:
    """Raise ValueError where an optimizer, or one within it, puts averages of weights in their place at the end."""
    while optimizer is not None:
        if getattr(optimizer, "use_ema", False):
            raise ValueError(
                "The best epoch is chosen by the weights themselves, not by their averages. "
                "Received: an `optimizer` with use_ema=True"
            )
        optimizer = getattr(optimizer, "inner_optimizer", None)


def choose_optimizer(chosen: Any, rate: float, steps: int) -> tuple[Any, dict[str, Any]]:
    """Return the optimizer of a training, and its settings in plain JSON values.

    Args:
        chosen: What `check_optimizer` returns; None takes AdamW.
        rate: The highest learning rate of that.
        steps: Of the whole training.
    """
    if chosen is None:
        rising = max(1, round(WARMUP * steps))
        schedule = keras.optimizers.schedules.CosineDecay(
            rate / 20, max(1, steps - rising), alpha=0.0, warmup_target=rate, warmup_steps=rising
        )
        return keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY), {"learning_rate": rate}
    told = {
        name: value for name, value in keras.saving.serialize_keras_object(chosen)["config"].items() if name != "name"
    }
    return chosen, {"optimizer": {"class_name": type(chosen).__name__, **told}}  # its name is a number of this process
