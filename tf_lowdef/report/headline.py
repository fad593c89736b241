"""The rows that a report puts first: each defence clean, against who does not know of it, and against who does."""

from __future__ import annotations

from typing import NamedTuple

from tf_lowdef.results import Comparison, Results, Row


class Headline(NamedTuple):
    """What a report says first of one defence; None where it was not tried.

    Attributes:
        defence: Its name.
        clean: Its row on clean images.
        unknowing: The lowest of its rows at the epsilon, of an attacker who does not know of it.
        knowing: Its worst case at the epsilon, of one who does.
        against: How the subject of the report differs from it in the worst case, or where there is none in the row
            before; None for the subject itself.
    """

    defence: str
    clean: Row | None
    unknowing: Row | None
    knowing: Row | None
    against: Comparison | None


def headlines(results: Results) -> list[Headline]:
    """Return a headline for each defence, in order."""
    compared = {(each.threat, each.attack, each.second): each for each in results.compared(results.subject)}
    found = []
    for defence in results.defences:
        unknowing, knowing = results.strongest(defence), results.worst(defence)
        row = knowing or unknowing
        against = None if row is None else compared.get((row.threat, row.attack, defence))
        found.append(Headline(defence, results.clean(defence), unknowing, knowing, against))
    return found
