"""What a report's conclusion says of gates."""

from __future__ import annotations

from tf_lowdef.results import BARE, DefenceName, Results, Row
from tf_lowdef.threats import OBLIVIOUS, THREATS


def gate_sentences(results: Results) -> list[str]:
    """Say of each gate what it costs, what it keeps against who does not know of it, and what against who does."""
    return [_sentences(each, results) for each in results.defences if each.is_gate and results.clean(each) is not None]


def _sentences(gate: DefenceName, results: Results) -> str:
    always = gate.gated or DefenceName(BARE)
    beside = {"bare": results.clean(BARE), "always defended": results.clean(always)}
    text = f"`{gate}` is right on {_percent(results.clean(gate))} of clean images{_beside(beside)}"
    if (unknowing := results.strongest(gate)) is not None:
        row = next(iter(results.select(threat=unknowing.threat, attack=unknowing.attack, defence=always)), None)
        doubt = ", unreliable" if unknowing.unreliable is not None else ""
        who = THREATS[unknowing.threat or OBLIVIOUS].who
        text += f", and on {_percent(unknowing)} against {who}{_beside({'always defended': row})}, "
        text += f"under {unknowing.attack}{doubt}"
    return f"{text}. {_left(results.worst(gate))}"


def _left(row: Row | None) -> str:
    """Say what is left of a gate against an attacker of both its answers and its detector."""
    who = "one who attacks both its answers and the detector at once"
    if row is None:
        return f"What is left against {who} within an epsilon was not tried."
    doubt = "" if row.unreliable is None else ", an upper bound and unreliable"
    found = "" if row.suspected is None else f"; of the images that fool it {100 * row.suspected:.0f} % look suspicious"
    return f"Against {who} {_percent(row)} are left{doubt}{found}."


def _beside(rows: dict[str, Row | None]) -> str:
    told = [f"{what} {_percent(row)}" for what, row in rows.items() if row is not None]
    return f" ({', '.join(told)})" if told else ""


def _percent(row: Row | None) -> str:
    return "?" if row is None else f"{100 * row.top1:.0f} %"
