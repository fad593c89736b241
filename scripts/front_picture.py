"""Make the README's picture: one drawn object clean, adversarial, defended, and under an attack on the defence.

Example:
    python scripts/front_picture.py
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click

from tf_lowdef.files import atomic_path
from tf_lowdef.models import demo_class_names, load_demo
from tf_lowdef.studies import draw_story, tell_story

PICTURE = Path(__file__).resolve().parents[1] / "notebooks" / "figures" / "story.png"


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=PICTURE, help="A PNG.  [default: the README's]")
@click.option("--first", default=120, show_default=True, help="The image from which on one is looked for, of 200.")
def main(out: Path, first: int) -> None:
    """Draw the first of the embedded images to which all of it happens."""
    model, images, labels = load_demo()
    some = slice(first, first + 20)
    figure = draw_story(tell_story(model, images[some], labels[some], demo_class_names()))
    with atomic_path(out) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


if __name__ == "__main__":
    main()
