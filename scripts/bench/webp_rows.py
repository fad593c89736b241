"""The WebP layer through Pillow, alone and in front of a classifier."""

from __future__ import annotations

import imagecodecs
import keras
import numpy as np

from bench.material import classifier, pictures
from bench.result import Reach, Result, Settings, compare, interleave
from tf_lowdef import WebPLayer
from tf_lowdef.threads import available_cores
from tf_lowdef.webp import pillow

QUALITY = 60
BATCH = 32
PREDICTED = 64
"""Images of a call of predict: several batches."""


def imagecodecs_roundtrip(images: np.ndarray, method: int) -> np.ndarray:
    """Encode and decode every image with libwebp on this thread."""
    settings = {"level": QUALITY, "lossless": False, "method": method, "numthreads": 1}
    coded = [imagecodecs.webp_encode(image, **settings) for image in images]
    return np.stack([imagecodecs.webp_decode(each) for each in coded])


def layer(settings: Settings) -> list[Result]:
    """The layer on a batch, over as many one-threaded libwebps as there are cores."""
    rows, images = [], pictures(settings, BATCH)
    for method in (0, 4):
        defence = WebPLayer(QUALITY, method)
        if not np.array_equal(imagecodecs_roundtrip(images[:4], method), pillow.roundtrip(images[:4], QUALITY, method)):
            raise ValueError(f"imagecodecs and Pillow give different pixels for method {method}")
        times = interleave(
            {
                "ours": lambda defence=defence: defence(images).numpy(),
                "theirs": lambda method=method: imagecodecs_roundtrip(images, method),
            },
            settings,
        )
        what = f"WebPLayer, Pillow codec, method {method}, batch {BATCH}"
        cores = available_cores()
        rows.append(
            compare(
                f"webp-layer-m{method}", what, f"imagecodecs, one thread, {cores} times as fast",
                times["ours"] / BATCH, times["theirs"] / cores / BATCH,
                Reach(0.9, at_least=True), unit="ms an image", speedup=True,
            )
        )  # fmt: skip
    return rows


def predict(settings: Settings) -> list[Result]:
    """The layer in front of a classifier, in predict."""
    base, name = classifier(settings)
    images = pictures(settings, PREDICTED if not settings.quick else BATCH)
    rows = []
    for method in (0, 4):
        defence = WebPLayer(QUALITY, method)
        defended = keras.Sequential([keras.Input(images.shape[1:]), defence, base])
        times = interleave(
            {
                "ours": lambda defended=defended: defended.predict(images, BATCH, verbose=0),
                "base": lambda: base.predict(images, BATCH, verbose=0),
                "codec": lambda defence=defence: [
                    defence(images[start : start + BATCH]).numpy() for start in range(0, len(images), BATCH)
                ],
            },
            settings,
        )
        rows.append(
            compare(
                f"predict-m{method}", f"predict of WebPLayer (method {method}) + {name}, {len(images)} images",
                "predict of the base + the layer alone",
                times["ours"], times["base"] + times["codec"], Reach(1.05),
            )
        )  # fmt: skip
    return rows
