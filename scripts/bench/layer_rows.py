"""The comparison layers beside ART's preprocessors, and beside OpenCV where it has the same operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from art.defences.preprocessor import FeatureSqueezing, JpegCompression, SpatialSmoothing, TotalVarMin

from bench.material import pictures
from bench.result import Reach, Result, Settings, compare, interleave
from tf_lowdef.layers import BitDepthLayer, JPEGLayer, MedianLayer, TotalVariationLayer

BATCH = 32
TV_IMAGES = 1
"""ART's takes tens of seconds an image."""
BOX = (0, 255)
FASTER = Reach(5, at_least=True)


def jpeg(settings: Settings) -> list[Result]:
    """JPEG at quality 60."""
    theirs = JpegCompression(clip_values=BOX, quality=60, channels_first=False)
    peers = {"ART JpegCompression": lambda x: theirs(x)[0], "OpenCV, one thread": _opencv_jpeg}
    return _beside("jpeg", "JPEGLayer(60)", JPEGLayer(60), peers, settings, BATCH)


def bits(settings: Settings) -> list[Result]:
    """Three bits a channel."""
    theirs = FeatureSqueezing(clip_values=BOX, bit_depth=3)
    peers = {"ART FeatureSqueezing": lambda x: theirs(x)[0]}
    return _beside("bits", "BitDepthLayer(3)", BitDepthLayer(3), peers, settings, BATCH)


def median(settings: Settings) -> list[Result]:
    """The median of 3x3 pixels."""
    theirs = SpatialSmoothing(window_size=3, channels_first=False, clip_values=BOX)
    peers = {"ART SpatialSmoothing": lambda x: theirs(x)[0], "OpenCV, one thread": _opencv_median}
    return _beside("median", "MedianLayer(3)", MedianLayer(3), peers, settings, BATCH)


def total_variation(settings: Settings) -> list[Result]:
    """Total variation minimisation after dropping half of the values."""
    theirs = TotalVarMin(prob=0.5, clip_values=(0, 1), max_iter=10)
    peers = {"ART TotalVarMin": lambda x: theirs(x / np.float32(255))[0]}
    return _beside("tv", "TotalVariationLayer()", TotalVariationLayer(seed=0), peers, settings, TV_IMAGES)


def _beside(
    name: str, what: str, layer: Any, peers: dict[str, Callable[..., Any]], settings: Settings, count: int
) -> list[Result]:
    images = pictures(settings, count).astype(np.float32)
    calls = {"ours": lambda: layer(images).numpy()}
    calls |= {peer: lambda call=call: call(images) for peer, call in peers.items()}
    cv2.setNumThreads(1)
    times = interleave(calls, settings, most=2 if count == TV_IMAGES else None)
    return [
        compare(
            f"{name}-{peer.split(',')[0].split()[0].lower()}", f"{what}, {count} images", peer,
            times["ours"], times[peer], FASTER if peer.startswith("ART") else None, speedup=True,
        )
        for peer in peers
    ]  # fmt: skip


def _opencv_jpeg(images: np.ndarray) -> np.ndarray:
    quality = [cv2.IMWRITE_JPEG_QUALITY, 60]
    coded = [cv2.imencode(".jpg", image.astype(np.uint8)[..., ::-1], quality)[1] for image in images]
    return np.stack([cv2.imdecode(each, cv2.IMREAD_COLOR)[..., ::-1] for each in coded]).astype(np.float32)


def _opencv_median(images: np.ndarray) -> np.ndarray:
    return np.stack([cv2.medianBlur(image, 3) for image in images])
