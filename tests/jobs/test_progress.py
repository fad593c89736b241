"""Long work is seen: bars where somebody watches, a line a minute in a log, nothing where none is wanted."""

from __future__ import annotations

import pytest

from tf_lowdef.jobs import progress
from tf_lowdef.jobs.progress import shown


def test_a_function_is_called_itself():
    calls = []
    with shown(lambda *step: calls.append(step)) as report:
        report("Attacking", 1, 2)
    assert calls == [("Attacking", 1, 2)]


@pytest.mark.parametrize("wanted", [None, False])
def test_a_log_is_left_alone_unasked(wanted, capsys):
    with shown(wanted) as report:
        report("Attacking", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_a_line_a_minute(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with shown(True) as report:
        for step in range(13):
            now[0] = 10.0 * step
            report("Attacking", step, 24)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["Attacking: 6 of 24, 1 min", "Attacking: 12 of 24, 2 min"]


def test_a_terminal_gets_bars(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with shown() as report:
        report("Attacking", 12, 24)
    assert "12/24" in capsys.readouterr().err
