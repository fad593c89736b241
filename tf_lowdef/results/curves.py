"""What is measured on held-back images after every epoch of a training, by the names that Keras' logs have for it."""

from __future__ import annotations

from collections.abc import Container

CLEAN = "val_clean_accuracy"
ONE_STEP = "val_fgsm_accuracy"
ROBUST = "val_pgd_accuracy"
NOISY = "val_noise_accuracy"


def chosen_by(measured: Container[str]) -> str:
    """Return which of the measures that there are the best epoch is chosen by.

    Args:
        measured: Names, `CLEAN` among them; curves or logs by name will do.
    """
    return next(name for name in (ROBUST, NOISY, CLEAN) if name in measured)
