import pytest

from tf_lowdef import __version__
from tf_lowdef.cli.main import COMMANDS, one_line


def test_help_lists_every_command(run_cli):
    outcome = run_cli("--help")
    assert outcome.code == 0
    assert all(f"  {name}" in outcome.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name, run_cli):
    outcome = run_cli(name, "--help")
    assert outcome.code == 0
    assert f"tf-lowdef {name}" in outcome.out.split("Example", 1)[1]
    assert COMMANDS[name] in " ".join(outcome.out.split())


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
