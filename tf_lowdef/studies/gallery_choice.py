"""Which images of a run its gallery shows: the first that the defence rescues, and the first that it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tf_lowdef.bounds import Bound
from tf_lowdef.results import BARE, Results, Row
from tf_lowdef.results.paths import adversarial_picture
from tf_lowdef.threats import OBLIVIOUS, knows_defence

EXAMPLES = 4
"""Images that a gallery shows; a phone's reader scrolls past each."""

HALF = 0.5
"""The share of draws from which on an image counts as classified correctly."""


class Choice(NamedTuple):
    """One image and the rows whose adversarial images of it are shown; None where none was kept."""

    name: str
    story: str
    oblivious: Row | None
    adaptive: Row | None


RESCUED, LOST, UNTOUCHED, WRONG, ATTACKED = "rescued", "lost", "untouched", "wrong already", "attacked"
STORIES = (RESCUED, LOST, UNTOUCHED, WRONG, ATTACKED)
"""What can become of an image: see `_story`."""


def choose(results: Results, folder: Path, classes: Mapping[str, int]) -> tuple[list[Choice], str]:
    """Return which images to show, and in words how they were chosen.

    Rescued images and lost ones take turns, then come those that no attack harmed and those that were wrong already;
    within an outcome those of classes that are not shown yet come first, in the run's order. The first images of a
    sorted set would all be of one class.

    Args:
        results: Of the run.
        folder: The run's.
        classes: The class of every image, by its name.
    """
    defence, bound = results.subject, results.bound
    oblivious = _oblivious(results, defence)
    bare = [] if oblivious is None else results.select(threat=OBLIVIOUS, attack=oblivious.attack, defence=BARE)
    clean = [results.clean(each) for each in (defence, BARE)]
    aware = [row for row in results.select(kind="attack", defence=defence) if knows_defence(row.threat)]
    groups: dict[str, list[Choice]] = {story: [] for story in STORIES}
    for place, name in enumerate(results.images):
        kept = oblivious if oblivious is not None and _is_kept(oblivious, name, folder) else None
        adaptive = _adaptive(aware, place, name, bound, folder)
        if kept is not None or adaptive is not None:
            story = _story(place, clean, next(iter(bare), None), oblivious, defence)
            groups[story].append(Choice(name, story, kept, adaptive))
    chosen = _across(groups, classes)
    counts = ", ".join(f"{len(group)} {story}" for story, group in groups.items() if group)
    return (
        chosen,
        f"The first images of each outcome, of different classes as far as there are. Of all images: {counts}.",
    )


def _across(groups: Mapping[str, Sequence[Choice]], classes: Mapping[str, int]) -> list[Choice]:
    """Return `EXAMPLES` of the groups' images, sorted by outcome."""
    left = {story: list(group) for story, group in groups.items()}
    chosen: list[Choice] = []

    def take(story: str) -> None:
        if left[story] and len(chosen) < EXAMPLES:
            shown = {classes[choice.name] for choice in chosen}
            new = (place for place, choice in enumerate(left[story]) if classes[choice.name] not in shown)
            chosen.append(left[story].pop(next(new, 0)))

    while left[RESCUED] or left[LOST]:
        take(RESCUED)
        take(LOST)
        if len(chosen) == EXAMPLES:
            break
    for story in STORIES[2:]:
        while left[story] and len(chosen) < EXAMPLES:
            take(story)
    return sorted(chosen, key=lambda choice: STORIES.index(choice.story))


def _oblivious(results: Results, defence: str) -> Row | None:
    """Return the strongest oblivious row of a defence; of several the one that does the bare model most harm."""
    best = results.strongest(defence)
    if best is None or best.threat != OBLIVIOUS:
        return None
    equal = [
        row
        for row in results.select(threat=OBLIVIOUS, defence=defence)
        if (row.top1, row.unreliable is None, row.bound) == (best.top1, best.unreliable is None, best.bound)
    ]
    bare = {row.attack: row.top1 for row in results.select(threat=OBLIVIOUS, defence=BARE)}
    return min(equal, key=lambda row: bare.get(row.attack, 0.0))


def _is_kept(row: Row, name: str, folder: Path) -> bool:
    return (folder / adversarial_picture(row, name)).is_file()


def _right(row: Row | None, place: int) -> bool | None:
    """Return whether an image is classified correctly in a row, None where that is not known."""
    if row is None or place >= len(row.per_image):
        return None
    share = row.per_image[place]
    return None if share is None else share >= HALF


def _story(place: int, clean: list[Row | None], bare: Row | None, defended: Row | None, defence: str) -> str:
    """Return what becomes of an image: clean with and without the defence, then attacked without it, then with it."""
    if any(_right(row, place) is False for row in clean):
        return WRONG
    if defence == BARE or defended is None:
        return ATTACKED
    if _right(bare, place):
        return UNTOUCHED if _right(defended, place) else LOST
    return RESCUED if _right(defended, place) else LOST


def _adaptive(rows: list[Row], place: int, name: str, bound: Bound | None, folder: Path) -> Row | None:
    """Return the first adaptive attack that fools the defence on an image, else the last one whose image was kept."""
    tried = [row for row in rows if row.bound == bound] or rows
    kept = [row for row in tried if _is_kept(row, name, folder) and _right(row, place) is not None]
    fooling = [row for row in kept if not _right(row, place)]
    return next(iter(fooling or kept[::-1]), None)
