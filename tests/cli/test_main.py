import shlex

import pytest

from tf_lowdef import __version__
from tf_lowdef.cli.main import COMMANDS, one_line


def test_help_lists_every_command(run_cli):
    outcome = run_cli("--help")
    assert outcome.code == 0
    assert all(f"  {name}" in outcome.out for name in COMMANDS)


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_help_has_examples_that_can_be_pasted(name, columns, run_cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    outcome = run_cli(*name.split(), "--help")
    assert outcome.code == 0
    assert "\b" not in outcome.out
    assert "\\b" not in outcome.out
    assert COMMANDS.get(name, "") in " ".join(outcome.out.split())
    text = outcome.out.split("Examples:\n")[1]
    assert max(map(len, text.splitlines())) <= columns
    commands = [shlex.split(line, comments=True) for line in text.replace("\\\n", " ").splitlines()]
    for command in filter(None, commands):
        assert command[:2] == ["tf-lowdef", name or "evaluate"]


def test_version(run_cli):
    assert run_cli("--version") == (0, f"tf-lowdef {__version__}\n", "")


def test_wrong_arguments_exit_with_2(run_cli):
    for arguments in (["evalute"], ["evaluate", "--limit", "many"], ["--nothing"]):
        outcome = run_cli(*arguments)
        assert outcome.code == 2
        assert "Error: " in outcome.err
        assert "Traceback" not in outcome.err


def test_one_line():
    assert one_line(ValueError("a\n  b")) == "a b"
    assert one_line(RuntimeError("a")) == "RuntimeError: a"
    assert one_line(KeyError()) == "KeyError"
