"""Expected answers, kept beside the model in one ``.npz`` file without pickles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.serving.samples import Expected

FILE = Path("assets.extra", "tf_lowdef_expected.npz")
"""In the version's folder. TensorFlow Serving reads only the warm-up requests of ``assets.extra``."""

LOGITS_TOLERANCE = 1e-4
"""How far logits may be from the expected ones, in parts of the largest where that is above 1."""

_LENGTHS = "lengths"
_SHAPE = "shape"


def tolerance_of(logits: npt.NDArray[Any]) -> float:
    """Return how far logits may be from expected ones, shape (n, classes)."""
    return LOGITS_TOLERANCE * max(1.0, float(np.abs(logits).max(initial=0)))


def write_expected(folder: Path, expected: Expected) -> None:
    """Write inputs and outputs of each signature into a version's folder."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for signature, sides in expected.items():
        for side, tensors in zip(("inputs", "outputs"), sides, strict=True):
            for name, array in tensors.items():
                arrays.update(_flat(f"{signature}/{side}/{name}", array))
    file = folder / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # its other arguments have other types


def read_expected(folder: Path) -> Expected:
    """Read what `write_expected` wrote.

    Raises:
        FileNotFoundError: The version has no expected answers.
        ValueError: The file is damaged.
    """
    file = folder / FILE
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; export the model with tf_lowdef")
    expected: Expected = {}
    try:
        with np.load(file, allow_pickle=False) as arrays:
            for key in arrays.files:
                if key.count("/") == 2:
                    signature, side, name = key.split("/")
                    sides = expected.setdefault(signature, ({}, {}))
                    sides[side == "outputs"][name] = _unflat(key, arrays)
    except Exception as error:  # zipfile, zlib and numpy each have their own for a damaged file
        raise ValueError(f"{file}: damaged ({error})") from error
    return expected


def _flat(key: str, array: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """Return an array as npz members; strings as their bytes, lengths and shape, since they may hold zero bytes."""
    if array.dtype != object:
        return {key: array}
    parts = [bytes(each) for each in array.ravel()]
    lengths = np.array([len(part) for part in parts], np.int64)
    return {
        key: np.frombuffer(b"".join(parts), np.uint8),
        f"{key}/{_LENGTHS}": lengths,
        f"{key}/{_SHAPE}": np.array(array.shape, np.int64),
    }


def _unflat(key: str, arrays: Any) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = arrays[key]
    if f"{key}/{_LENGTHS}" not in arrays.files:
        return array
    ends = np.cumsum(arrays[f"{key}/{_LENGTHS}"])
    data = array.tobytes()
    parts = [data[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    strings = np.empty(len(parts), dtype=object)
    strings[:] = parts
    return strings.reshape(arrays[f"{key}/{_SHAPE}"])
