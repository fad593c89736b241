"""Noticing images of another scale than is expected of them."""

from __future__ import annotations

import threading
import warnings

_said: set[str] = set()
_LOCK = threading.Lock()


def scale_mistake(lowest: float, highest: float, value_range: tuple[float, float]) -> str | None:
    """Return what is wrong with values of a batch against the range in which they are read; None for nothing.

    Values in [0, 1] or [-1, 1] read as [0, 255] are nearly black, and pixels read as [0, 1] nearly white. A batch
    that is black all over may be one in any range.

    Args:
        lowest: The smallest value of the batch.
        highest: The largest one.
        value_range: The two values that stand for black and full.
    """
    low, high = value_range
    span = high - low
    small = span >= 100 and max(abs(lowest), abs(highest)) > 0 and lowest >= -1 and highest <= 1
    large = span <= 10 and highest > low + 5 * span
    if not (small or large):
        return None
    return (
        f"the values lie in [{lowest:.4g}, {highest:.4g}] and are read as [{low:g}, {high:g}]: "
        f"{'nearly black' if small else 'nearly white'} images"
    )


def warn_of_scale(
    who: str, lowest: float, highest: float, value_range: tuple[float, float], cure: str, stacklevel: int = 3
) -> bool:
    """Warn, once for each `who`, where a batch seems to be of another scale than it is read in.

    Args:
        who: Who reads it, such as a layer's name; the text begins with it.
        lowest: The smallest value of the batch.
        highest: The largest one.
        value_range: The two values that stand for black and full.
        cure: What to do about it.
        stacklevel: See ``warnings.warn``.

    Returns:
        Whether something is wrong, said now or before.
    """
    mistake = scale_mistake(lowest, highest, value_range)
    if mistake is None:
        return False
    with _LOCK:
        new = who not in _said
        _said.add(who)
    if new:
        warnings.warn(f"{who}: {mistake}. {cure}", UserWarning, stacklevel=stacklevel)
    return True
