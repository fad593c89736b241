"""What an adaptive attacker leaves of images, against his seconds: today's cascades and those of version 0.1.

usage: python scripts/attack_curve.py --defence webp:60 --defence webp:60+flip [--limit 100] [--budget quick]
       python scripts/attack_curve.py --model MobileNetV2 --weights FILE --data CSV --defence webp:60+flip

Version 0.1 went through steps without a derivative by the identity alone, and began with other attacks. Each attack
meets what those before it have left; a line is printed as soon as its cascade has ended, and --picture draws them all.
Seconds are those of attacks with their judging, without probes and self-tests; what is compiled counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from tf_lowdef import evaluate, load_demo
from tf_lowdef.evaluation.attackers.budgets import BUDGETS
from tf_lowdef.layers import PixelDeflectionLayer, RandomWebPLayer, TotalVariationLayer, WebPLayer
from tf_lowdef.layers.pixel_layer import PixelLayer
from tf_lowdef.models import open_model
from tf_lowdef.results import Results

EPSILON = 4
BEFORE = {
    "quick": (("apgd-ce:{},steps=20", "square:{},queries=100"), (), 2),
    "standard": (
        ("pgd:{},steps=20", "apgd-ce:{}", "pgd:{},steps=100,restarts=5", "apgd-t:{}", "square:{},queries=5000"),
        ("pgd:{},steps=200,restarts=5",),
        20,
    ),
}
"""The cascades of version 0.1, what was tried on all that they left, and draws a gradient."""
Curve = list[tuple[float, float]]


@contextmanager
def as_before(budget: str) -> Iterator[None]:
    """Attack as version 0.1 did, within the context: its cascade, through the identity (or the exact derivative)."""
    attacks, another, draws = BEFORE[budget]
    kept = BUDGETS[budget]
    changed = (PixelLayer, WebPLayer, RandomWebPLayer, PixelDeflectionLayer, TotalVariationLayer)
    gradients: dict[Any, Any] = {kind: kind.gradients for kind in changed}
    BUDGETS[budget] = replace(kept, attacks=attacks, another=another, draws=draws)
    for kind in changed:
        kind.gradients = tuple(each for each in kind.gradients if each not in ("dct", "smoothed"))
    try:
        yield
    finally:
        BUDGETS[budget] = kept
        for kind, offered in gradients.items():
            kind.gradients = offered


def curve(results: Results) -> Curve:
    """Return (seconds, images left in %) after each attack of a run with one defence, clean images first."""
    (clean,) = (row for row in results.rows if row.kind == "clean")
    left = [float(share or 0) for share in clean.per_image]
    points = [(0.0, 100 * clean.top1)]
    for row in results.rows:
        if row.kind == "attack":  # an image that was not tried keeps what it had
            left = [min(had, had if share is None else share) for had, share in zip(left, row.per_image, strict=True)]
            seconds = points[-1][0] + (row.attack_seconds or 0.0) + row.seconds
            points.append((seconds, 100 * sum(left) / clean.n))
    return points


def draw(curves: dict[str, dict[str, Curve]], path: Path) -> None:
    """Draw a panel for each defence."""
    figure, axes = plt.subplots(1, len(curves), figsize=(4 * len(curves), 3.2), squeeze=False, sharey=True)
    for panel, (defence, lines) in zip(axes[0], curves.items(), strict=True):
        for name, points in lines.items():
            seconds, left = zip(*points, strict=True)
            panel.step(seconds, left, where="post", label=name, marker=".")
        panel.set(title=defence, xlabel="seconds", xscale="symlog")
    axes[0][0].set_ylabel("images left, %")
    axes[0][-1].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print the curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="of keras.applications, or a file; without it the embedded classifier")
    parser.add_argument("--weights")
    parser.add_argument("--data", help="needed with --model")
    parser.add_argument("--defence", action="append", required=True)
    parser.add_argument("--budget", action="append", choices=sorted(BEFORE))
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--skip", type=int, default=0, help="take every second embedded image from this one on")
    parser.add_argument("--only", choices=("before", "now"))
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    if arguments.model:
        model: Any = open_model(arguments.model, arguments.weights)
        data: Any = arguments.data
    else:
        model, images, labels = load_demo()
        data = (images[arguments.skip :: 2], labels[arguments.skip :: 2])
    curves: dict[str, dict[str, Curve]] = {}
    for defence in arguments.defence:
        curves[defence] = {}
        for budget in arguments.budget or ["quick"]:
            for when in [arguments.only] if arguments.only else ["before", "now"]:
                settings = {"limit": arguments.limit, "batch_size": arguments.batch_size, "budget": budget}
                if when == "before":
                    with as_before(budget):
                        found = evaluate(model, data, [], [defence], "adaptive", **settings)
                else:
                    found = evaluate(model, data, [], [defence], "adaptive", **settings)
                points = curves[defence][f"{budget}, {when}"] = curve(found)
                steps = " ".join(f"{left:.1f}@{seconds:.0f}s" for seconds, left in points)
                print(f"{defence:14} {budget:8} {when:6} {steps}", flush=True)
    if arguments.picture:
        draw(curves, arguments.picture)


if __name__ == "__main__":
    main()
