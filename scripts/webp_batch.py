"""The paper's batch compression: ``python webp_batch.py [DIR] --c --ignore-transparency-image -q=60``.

The arguments are those of the tool that the paper's repository carries; the work is done by ``tf-lowdef webp``.
"""

import argparse
import os

from tf_lowdef.cli.main import main


def arguments() -> list[str]:
    """Return the old arguments as those of ``tf-lowdef``."""
    parser = argparse.ArgumentParser(description="Compress a folder of images with WebP.")
    parser.add_argument("image_directory", nargs="?", default=os.curdir, help="default: the current folder")
    parser.add_argument("-q", "--quality-ratio", default="100", help="0 to 100; 100, the default, is lossless")
    parser.add_argument("-o", "--output-directory", help="default: webp-converted")
    parser.add_argument("--ignore-transparency-image", action="store_true", help="skip images with transparent pixels")
    parser.add_argument("--r", "--replace", dest="replace", action="store_true", help="replace the originals")
    parser.add_argument("--c", "--clear", dest="clear", action="store_true", help="empty the output folder first")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    old = parser.parse_args()
    new = ["--debug"] if old.debug else []
    new += ["webp", f"--quality={old.quality_ratio}"]
    new += [f"--out={os.path.expanduser(old.output_directory)}"] if old.output_directory else []
    new += [f"--{name}" for name in ("replace", "clear") if getattr(old, name)]
    new += ["--ignore-transparency-image"] if old.ignore_transparency_image else []
    return [*new, "--", os.path.expanduser(old.image_directory)]


if __name__ == "__main__":
    main(arguments())
