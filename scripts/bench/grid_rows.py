"""The oblivious grid: an evaluation over the attacks and the defended forward passes that it is made of."""

from __future__ import annotations

import tensorflow as tf

from bench.attack_rows import compiled_forward
from bench.material import task
from bench.result import Reach, Result, Settings, compare, interleave
from tf_lowdef import evaluate
from tf_lowdef.attacks import BIM, FGSM
from tf_lowdef.layers import parse_defence

BATCH = 16
IMAGES = 32
MOST_REPEATS = 3
"""A repeat takes long."""
ATTACKS = (FGSM(4), BIM(4))
DEFENCES = ("none", "flip", "webp:60", "webp:60+flip", "jpeg:60")


def grid(settings: Settings) -> list[Result]:
    """Two attacks and five defences."""
    model, images, labels, name = task(settings, BATCH if settings.quick else IMAGES)
    forward = compiled_forward(model, images.shape[1:])
    defences = [parse_defence(defence) for defence in DEFENCES]

    def parts() -> None:
        made = [images, *(attack(model, images, labels, batch_size=BATCH).images for attack in ATTACKS)]
        for pixels in made:
            for layers in defences:
                for start in range(0, len(pixels), BATCH):
                    x = tf.constant(pixels[start : start + BATCH])
                    for layer in layers:
                        x = layer(x)
                    forward(tf.cast(x, tf.float32)).numpy()

    calls = {"ours": lambda: evaluate(model, (images, labels), ATTACKS, DEFENCES, batch_size=BATCH), "theirs": parts}
    times = interleave(calls, settings, most=MOST_REPEATS)
    what = f"evaluate, FGSM and BIM, {len(DEFENCES)} defences, {len(images)} images, {name}"
    peer = "each attack once + each defended forward pass once"
    return [compare("grid", what, peer, times["ours"], times["theirs"], Reach(1.1), unit="s", scale=1)]
