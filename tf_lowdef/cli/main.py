"""The ``tf-lowdef`` command: finds its subcommands and turns exceptions into one line and an exit code."""

from __future__ import annotations

import os
import re
import shlex
import sys
from importlib import import_module
from typing import Any

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.cli.terminal import guard_output, interrupts, obey_signals, plain_warnings
from tf_lowdef.text import printable

COMMANDS = {
    "evaluate": "Attack a classifier, put defences in front of it, compare.",
    "sweep": "Find the WebP settings that are worth their cost.",
    "certify": "Prove within which L2 radius no attacker can change the answers.",
    "harden": "Train a classifier so that it keeps something behind a defence.",
    "report": "Make the report of a run again from its folder.",
    "compare": "Show two or more runs side by side.",
    "attack": "Make adversarial images of the images of a folder.",
    "flip": "Mirror the images of a folder (with its subfolders), or one image.",
    "webp": "Encode the images of a folder (with its subfolders), or one image, as WebP.",
    "gate": "Make a classifier that defends only where an image looks suspicious.",
    "export": "Write a defended classifier for TensorFlow Serving.",
    "serve-check": "Check that an exported model serves.",
}
"""Each command with its one-line help; ``tf_lowdef/cli/NAME.py`` holds it as ``command``, imported when it is used."""

FAILED = 1
_BOLD = re.compile(r"\x1b\[[0-9;]*m")
"""What Keras puts into its errors for a terminal."""
INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM, 128 + SIGINT, as shells have it."""


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command, or None where there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"tf_lowdef.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table, so that ``--help`` imports none of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from tf_lowdef import __version__

        click.echo(f"tf-lowdef {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    epilog=examples("tf-lowdef evaluate --attack bim:4 --defence none --defence webp:60+flip"),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Put WebP and flip in front of an image classifier, and measure what that defence is worth."""
    del debug  # looked for by main, which catches the errors


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit: 0 for success, 1 for a failure, 2 for wrong arguments, 130 if interrupted."""
    arguments = sys.argv[1:] if args is None else args
    guard_output()
    obey_signals()
    os.environ.setdefault(
        "TF_CPP_MIN_LOG_LEVEL", "3"
    )  # TensorFlow's remarks on its build are no business of the user's
    command = shlex.join(["tf-lowdef", *arguments])
    debug = "--debug" in arguments
    try:
        with plain_warnings(), interrupts():
            code: Any = cli.main(arguments, prog_name="tf-lowdef", standalone_mode=False, obj={"command": command})
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        if debug and error.__cause__ is not None:
            raise error.__cause__ from None
        help_ = f" See {error.ctx.command_path} --help." if isinstance(error, click.UsageError) and error.ctx else ""
        click.echo(f"Error: {printable(' '.join(error.format_message().split()))}{help_}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            raise
        click.echo(f"Error: {one_line(error)}", err=True)
        sys.exit(FAILED)
    sys.exit(code if isinstance(code, int) else 0)


def one_line(error: Exception) -> str:
    """Return an exception's text on one line, with its type where the text alone says too little."""
    text = printable(" ".join(_BOLD.sub("", str(error)).split()))
    if isinstance(error, (ValueError, TypeError, OSError)) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
