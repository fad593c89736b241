"""Pictures and stage vectors for the tests of the graph codec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tf_lowdef.webp import libwebp_version

Pixels = npt.NDArray[np.uint8]
STAGES = Path(__file__).resolve().parents[4] / "shared" / "webp-graph" / "stages.npz"


@pytest.fixture(scope="session")
def stages() -> dict[str, npt.NDArray[np.generic]]:
    """What each stage of libwebp 1.6.0 gives on three crops; the test skips where the file is absent."""
    if not STAGES.exists():
        pytest.skip(f"no stage vectors at {STAGES}")
    with np.load(STAGES) as file:
        return dict(file)


def _noise(rng: np.random.Generator, height: int, width: int) -> Pixels:
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def _flat(rng: np.random.Generator, height: int, width: int) -> Pixels:
    return np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (height, width, 3)).copy()


def _gradient(rng: np.random.Generator, height: int, width: int) -> Pixels:
    y, x = np.mgrid[:height, :width, :1][:2]
    slope_y, slope_x = rng.uniform(-3, 3, (2, 3))
    return np.clip(y * slope_y + x * slope_x + rng.uniform(0, 255, 3), 0, 255).astype(np.uint8)


def _binary(rng: np.random.Generator, height: int, width: int) -> Pixels:
    return np.repeat(rng.choice(np.uint8([0, 255]), (height, width, 1)), 3, axis=2)


def _natural(rng: np.random.Generator, height: int, width: int) -> Pixels:
    """Amplitudes fall with one over the frequency; channels are correlated."""
    size = max(height, width, 2)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = 1
    noise = rng.normal(size=(3, *frequency.shape)) + 1j * rng.normal(size=(3, *frequency.shape))
    planes = np.fft.irfft2(noise / frequency ** rng.uniform(0.8, 1.6), s=(size, size))
    planes = planes[:, :height, :width] / max(planes.std(), 1e-9)
    mix = np.array([[1.0, 1.0, 1.0], [0.25, 0.0, -0.25], [-0.1, 0.2, -0.1]])
    return np.clip(128 + 50 * np.einsum("chw,cd->hwd", planes, mix), 0, 255).astype(np.uint8)


def _text(rng: np.random.Generator, height: int, width: int) -> Pixels:
    image = np.full((height, width, 3), 255, np.uint8)
    for _ in range(height * width // 40 + 1):
        y, x = rng.integers(0, height), rng.integers(0, width)
        image[y : y + rng.integers(1, 9), x : x + rng.integers(1, 4)] = rng.integers(0, 90)
    return image


def _half_flat(rng: np.random.Generator, height: int, width: int) -> Pixels:
    image = _flat(rng, height, width)
    image[:, width // 2 :] = _noise(rng, height, width - width // 2)
    return image


KINDS: dict[str, Callable[[np.random.Generator, int, int], Pixels]] = {
    "noise": _noise,
    "flat": _flat,
    "gradient": _gradient,
    "binary": _binary,
    "natural": _natural,
    "text": _text,
    "half flat": _half_flat,
}


@pytest.fixture(scope="session")
def pictures() -> Callable[[int, int, int, int], tuple[list[str], Pixels]]:
    """Make `count` seeded pictures of a size, all kinds in turn: their kinds and pixels."""

    def make(count: int, height: int, width: int, seed: int) -> tuple[list[str], Pixels]:
        rng = np.random.default_rng([seed, height, width])
        kinds = [list(KINDS)[k % len(KINDS)] for k in range(count)]
        return kinds, np.stack([KINDS[kind](rng, height, width) for kind in kinds])

    return make


@pytest.fixture(scope="session")
def against() -> str:
    """The libwebp that results are compared with, for messages."""
    return f"libwebp {libwebp_version()}"
