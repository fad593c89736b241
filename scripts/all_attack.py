"""The paper's attack script: DeepFool on every image of a folder, each classified by the model itself.

usage: python scripts/all_attack.py DIR [OUT] [OPTION ...]

Writes ``Adv_{original label}-{adversarial label}.png`` into OUT (default: ``DIR_adv``). The original's network was an
ImageNet classifier, so ``--model MobileNetV2`` is the default; options are those of ``tf-lowdef attack``.
"""

import sys
from pathlib import Path

from tf_lowdef.cli.main import main


def arguments(given: list[str]) -> list[str]:
    """Return the arguments of ``tf-lowdef attack`` that mean the same."""
    if not given or given[0] in ("-h", "--help"):
        return ["attack", "--help"]
    places = [*given[: 2 if len(given) > 1 and not given[1].startswith("-") else 1]]
    source = Path(places[0])
    out = places[1] if len(places) > 1 else str(source.resolve().with_name(source.resolve().name + "_adv"))
    defaults = ["--naming", "paper", "--attack", "deepfool", "--model", "MobileNetV2", "-o", out]
    return ["attack", *defaults, *given[len(places) :], "--", str(source)]  # of an option given twice the last counts


if __name__ == "__main__":
    main(arguments(sys.argv[1:]))
