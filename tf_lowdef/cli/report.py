"""``tf-lowdef report``."""

from __future__ import annotations

import os

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.cli.terminal import say_warnings
from tf_lowdef.cli.types import RunFolder
from tf_lowdef.text import printable


@click.command(name="report", epilog=examples("tf-lowdef report runs/first --open"))
@click.argument("run", type=RunFolder(), metavar="RUN")
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
def command(run: str, show: bool) -> None:
    """Make the report of a run again from its folder.

    Writes report.html, report.md and accuracy.png; needs neither the model nor the images. A run's folder that is
    incomplete, from another version or edited by hand gives a report of the rest, which says what is missing.
    """
    from tf_lowdef.jobs import working_folder
    from tf_lowdef.results import Results

    with working_folder(run, new=False) as folder:
        results = Results.load(folder, strict=False)
        from tf_lowdef.report import write_report  # after what may fail: it takes a second
        from tf_lowdef.report.page import PAGE

        write_report(results, folder)
    say_warnings(results.warnings)
    page = os.path.join(str(folder), PAGE)
    click.echo(f"Page: {printable(page)}")
    if show and click.launch(page):
        click.echo("No browser could be opened.", err=True)
