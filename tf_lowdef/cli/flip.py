"""``tf-lowdef flip``: mirror the images of a folder."""

from __future__ import annotations

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.cli.folder_console import folder_run, report

EXAMPLES = examples(
    "tf-lowdef flip photos # photos/a.png -> photos/a_f.png",
    "tf-lowdef flip photos -o flipped # photos/a.png -> flipped/a.png",
    "tf-lowdef flip cat.jpg -o cat.png # a file, in another format",
    "tf-lowdef flip photos --mode vertical # photos/a.png -> photos/a_fv.png",
)


@click.command(epilog=EXAMPLES)
@click.argument("source", type=click.Path(exists=True))
@click.option("-o", "--out", type=click.Path(), help="File or folder for the result. Default: beside each original.")
@click.option(
    "--mode",
    type=click.Choice(["horizontal", "vertical", "both"]),
    default="horizontal",
    show_default=True,
    help="horizontal is left-right, vertical top-bottom.",
)
@click.option("-c", "--clear", is_flag=True, help="Empty the output folder first, if this tool made it (or --force).")
@click.option("--force", is_flag=True, help="Redo what is there, and overwrite.")
@click.option("-j", "--threads", type=click.IntRange(1), help="Images at a time. Default: one per core.")
def command(source: str, out: str | None, mode: str, clear: bool, force: bool, threads: int | None) -> int:
    """Mirror the images of a folder (with its subfolders), or one image.

    Images are mirrored as they are shown. PNG, TIFF, BMP, GIF, PPM, TGA, PCX, SGI, JPEG 2000 and WebP keep every pixel
    (WebP becomes lossless WebP); JPEG is encoded again with the same tables; AVIF and formats that Pillow cannot
    write become PNG; with -o FILE its suffix says the format. Of an animation the first frame is mirrored. Metadata
    stay wherever the format holds them, and what a result lacks is said. Links out of the folder are not followed.

    What is there already is not done again: the same command goes on where it was stopped. Exit code 1 if a file
    failed; failed.csv says which and why.
    """
    if clear and out is None:
        raise click.UsageError("--clear empties the output folder: give it with -o")
    with folder_run("flip") as progress:
        from tf_lowdef.folders import FlipSettings, flip_path

        settings = FlipSettings(mode)
        summary = flip_path(source, out, settings, clear_out=clear, force=force, progress=progress, num_threads=threads)
    return report(summary, "flipped")
