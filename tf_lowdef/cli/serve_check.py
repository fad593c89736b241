"""``tf-lowdef serve-check``."""

from __future__ import annotations

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.text import printable

WORDS = {True: "ok", False: "FAILED", None: "skipped"}


@click.command(name="serve-check", epilog=examples("tf-lowdef serve-check served/mobilenet"))
@click.argument("path", type=click.Path(exists=True), metavar="DIR")
def command(path: str) -> int:
    """Check that an exported model serves.

    Operations are looked up in stock TensorFlow; the model is loaded and asked in a fresh Python process without
    tf_lowdef, and where a C compiler is there in a process without Python; answers are compared with those stored when
    it was exported. One line a check: ok, FAILED, or skipped and why. Exit code 1 if a check fails.

    DIR is an export's folder, whose highest version is checked, or the folder of a version.
    """
    from tf_lowdef.cli.quiet import import_tensorflow

    import_tensorflow()
    from tf_lowdef.serving.check import run_checks

    failed = False
    for result in run_checks(path):
        click.echo(f"{WORDS[result.passed]}: {result.name}: {printable(result.detail)}")
        failed |= result.passed is False
    return int(failed)
