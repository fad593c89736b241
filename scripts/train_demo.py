"""Trains the classifier that tf_lowdef ships, and writes its weights and its held-out images into the package.

Run it from the repository's root: ``python scripts/train_demo.py``. It draws the images itself (``demo_images.py``), so
it needs no download. It trains as ImageNet models are trained: random left-right flips and shifts, no compression and no
adversarial noise; the epochs are fixed in advance, so no image but the training images has a say in the weights. It
refuses to write a classifier below 95 % on the held-out images. The same seed on the same machine and versions gives the
same files.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # drawing runs in one process a core; their thread pools would fight
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from demo_images import draw_set
from demo_shapes import SHAPES

TRAINING_PER_CLASS = 800
HELD_OUT_PER_CLASS = 100
BATCH = 64
EPOCHS = 30
PEAK_RATE = 4e-3
WEIGHT_DECAY = 1e-4
SHIFT = 8
"""Training images are shifted by up to so many pixels either way."""
REQUIRED_ACCURACY = 0.95
REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> None:
    """Draw, train, check, write."""
    parser = argparse.ArgumentParser(description="Train the classifier that tf_lowdef ships.")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "tf_lowdef" / "models" / "demo_data")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    start = time.monotonic()
    training = draw_set(TRAINING_PER_CLASS, seed=2 * arguments.seed)
    held_out = draw_set(HELD_OUT_PER_CLASS, seed=2 * arguments.seed + 1)
    print(f"drew {len(training[0])} training and {len(held_out[0])} held-out images: {time.monotonic() - start:.0f} s")
    model = train(training, arguments.seed)
    print(f"trained: {time.monotonic() - start:.0f} s")
    check(model, *held_out)
    write(model, held_out[0], arguments.out)


def train(data, seed: int):
    """Train the demo's network on (images, labels) and return it."""
    import keras
    import tensorflow as tf

    from tf_lowdef.models.demo import CLASSES, SIZE, build_demo

    if tuple(SHAPES) != CLASSES:
        raise SystemExit(f"the package's classes are {CLASSES}, the drawn ones are {tuple(SHAPES)}")
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()

    def augment(index, item):
        image, label = item
        image = tf.pad(image, [[SHIFT, SHIFT], [SHIFT, SHIFT], [0, 0]], "REFLECT")
        image = tf.image.stateless_random_crop(image, (SIZE, SIZE, 3), seed=(seed, index))
        image = tf.image.stateless_random_flip_left_right(image, seed=(seed + 1, index))
        return tf.cast(image, tf.float32), label

    batches = (
        tf.data.Dataset.from_tensor_slices(data)
        .shuffle(len(data[0]), seed=seed)
        .repeat(EPOCHS)
        .enumerate()
        .map(augment, num_parallel_calls=2)
        .batch(BATCH, drop_remainder=True)
        .prefetch(2)
    )
    steps = EPOCHS * len(data[0]) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(
        PEAK_RATE / 20, steps - steps // 15, warmup_target=PEAK_RATE, warmup_steps=steps // 15
    )
    model = build_demo()
    model.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(batches, epochs=EPOCHS, steps_per_epoch=steps // EPOCHS, verbose=2)
    return model


def check(model, images, labels) -> None:
    """Print the accuracy on the held-out images, plain and changed, and refuse a classifier that is not good enough."""
    from tf_lowdef.models.demo import CLASSES, PER_CLASS
    from tf_lowdef.webp.pillow import roundtrip

    def correct(pixels):
        return model.predict(pixels.astype(np.float32), batch_size=100, verbose=0).argmax(axis=1) == labels

    clean = correct(images)
    shipped = np.arange(len(labels)) % HELD_OUT_PER_CLASS < PER_CLASS
    per_class = clean.reshape(len(CLASSES), -1).mean(axis=1)
    print("clean, by class: " + ", ".join(f"{n} {a:.2f}" for n, a in zip(CLASSES, per_class, strict=True)))
    for name, hits in (
        ("clean", clean),
        ("flipped", correct(images[:, :, ::-1])),
        ("WebP 60", correct(roundtrip(images, quality=60))),
        ("WebP 60, flipped", correct(roundtrip(images, quality=60)[:, :, ::-1])),
    ):
        print(f"{name}: {hits.mean():.3f} of {len(labels)} held-out images, {hits[shipped].mean():.3f} of those shipped")
    worse = min(clean.mean(), clean[shipped].mean())
    if worse < REQUIRED_ACCURACY:
        raise SystemExit(f"{worse:.3f} on the held-out images is below {REQUIRED_ACCURACY}: nothing was written")


def write(model, images, folder: Path) -> None:
    """Write the weights and the first held-out images of each class, each file whole or not at all."""
    from tf_lowdef.models.demo import CLASSES, PER_CLASS, WEIGHTS, asset_name, encode_class

    folder.mkdir(parents=True, exist_ok=True)
    by_class = images.reshape(len(CLASSES), HELD_OUT_PER_CLASS, *images.shape[1:])
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        for name, members in zip(CLASSES, by_class, strict=True):
            (Path(temporary) / asset_name(name)).write_bytes(encode_class(members[:PER_CLASS]))
        model.save_weights(Path(temporary) / WEIGHTS)
        for path in sorted(Path(temporary).iterdir()):
            path.replace(folder / path.name)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"wrote {folder}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
