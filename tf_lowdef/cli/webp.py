"""``tf-lowdef webp``: images as WebP files, or as the pixels that WebP leaves of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.cli.folder_console import folder_run, report
from tf_lowdef.cli.options import ray_options, read_ray_options

if TYPE_CHECKING:
    from tf_lowdef.folders import Summary, WebPSettings
    from tf_lowdef.folders.run import Progress
    from tf_lowdef.jobs.ray import RayOptions

DEFAULT_OUT = "webp-converted"
"""The output folder where none is given, as in the paper's batch tool."""

EXAMPLES = examples(
    "tf-lowdef webp in.png -o out.webp -q 60 # as cwebp -q 60 in.png -o out.webp",
    "tf-lowdef webp photos -o small -q 60 # photos/a.png -> small/a.webp",
    "tf-lowdef webp photos -o seen --decode # photos/a.png -> seen/a.png, as a classifier sees it",
)


@click.command(epilog=EXAMPLES)
@click.argument("source", type=click.Path(exists=True))
@click.option(
    "-o", "--out", type=click.Path(), help=f"File or folder for the result. Default: {DEFAULT_OUT}, or beside the file."
)
@click.option(
    "-q", "--quality", type=float, default=60, show_default=True, help="0 to 100; 100 means lossless, unless --lossy."
)
@click.option("-m", "--method", type=int, default=4, show_default=True, help="0 (fast) to 6 (slow).")
@click.option("--lossless/--lossy", default=None, help="Default: lossy below quality 100.")
@click.option("--near", type=click.IntRange(0, 100), help="Near-lossless: 100 changes nothing, 0 most.")
@click.option("--decode", is_flag=True, help="Write PNGs of the pixels after the round trip, not the WebP files.")
@click.option("-c", "--clear", is_flag=True, help="Empty the output folder first, if this tool made it (or --force).")
@click.option("-r", "--replace", is_flag=True, help="Delete each original once its WebP file is written and read back.")
@click.option("--metadata", is_flag=True, help="Keep EXIF data, XMP and the colour profile, as --replace does.")
@click.option("--ignore-transparency-image", is_flag=True, help="Skip images with a transparent pixel.")
@click.option("--force", is_flag=True, help="Redo what is there, and overwrite.")
@click.option("-j", "--threads", type=click.IntRange(1), help="Images at a time. Default: one per core.")
@ray_options(gpus=False)
def command(
    source: str,
    out: str | None,
    quality: float,
    method: int,
    lossless: bool | None,
    near: int | None,
    decode: bool,
    clear: bool,
    replace: bool,
    metadata: bool,
    ignore_transparency_image: bool,
    force: bool,
    threads: int | None,
    ray: str | None,
    workers: int | None,
) -> int:
    """Encode the images of a folder (with its subfolders), or one image, as WebP.

    Images are encoded upright, in 8 bits, without metadata (as cwebp does, but see --metadata); CMYK, grey and palettes
    become RGB, transparency stays, of an animation the first frame is taken. What a result lacks is said. Results
    larger than their originals go to a folder larger-than-original in the output folder. Files that would share a name
    keep their suffix: a.png.webp, a.jpg.webp. Links out of the folder are not followed.

    With --replace an original goes only where the WebP file holds all of it but for what lossy coding takes: EXIF data,
    XMP, the colour profile, permissions and times move along. It stays, and the summary says why, where it has several
    frames or sizes, more than 8 bits, ink instead of light, PNG text, comments, or a film behind it; where a link
    leads to it; where the WebP file would be larger.

    What is there already is not done again: the same command goes on where it was stopped. Exit code 1 if a file
    failed; failed.csv says which and why.
    """
    if replace and (out is not None or clear):
        raise click.UsageError("--replace writes beside the originals: it goes with neither --out nor --clear")
    if clear and not Path(source).is_dir():
        raise click.UsageError("--clear goes with a folder")
    if ray is not None and (replace or threads is not None or not Path(source).is_dir()):
        raise click.UsageError("--ray goes with a folder, and with neither --replace nor --threads")
    cluster = read_ray_options(ray, workers)
    with folder_run("webp") as progress:
        from tf_lowdef.folders import WebPSettings

        try:
            settings = WebPSettings(quality, method, lossless, near, decode, ignore_transparency_image, metadata)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        if settings.is_lossless and not lossless and near is None:
            click.echo("note: quality 100 means lossless here (--lossy for the lossy codec at 100)", err=True)
        summary = _run(source, out, settings, clear, replace, force, progress, threads, cluster)
    return report(summary, "replaced" if replace else "converted")


def _run(
    source: str,
    out: str | None,
    settings: WebPSettings,
    clear: bool,
    replace: bool,
    force: bool,
    progress: Progress,
    threads: int | None,
    cluster: RayOptions | None,
) -> Summary:
    from tf_lowdef.folders import replace_folder, webp_path

    if replace:
        return replace_folder(source, settings, force=force, progress=progress, num_threads=threads)
    if out is None:
        out = DEFAULT_OUT if Path(source).is_dir() else str(Path(source).with_suffix(settings.suffix))
    return webp_path(
        source, out, settings, clear_out=clear, force=force, progress=progress, num_threads=threads, ray=cluster
    )
