"""Noticing images of another scale than is expected of them."""

from __future__ import annotations


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
