"""The paper's ``python FlipImages.py DIR``: every image of a folder, mirrored left-right, as ``{stem}_f{ext}``."""

import sys

from tf_lowdef.cli.main import main

if __name__ == "__main__":
    main(["flip", *sys.argv[1:]])
