"""Importing TensorFlow without its remarks on the machine."""

from __future__ import annotations

import os
import sys
import tempfile


def import_tensorflow() -> None:
    """Import TensorFlow without the lines that its C++ part writes to standard error (file descriptor 2).

    They come before any setting takes hold, and say nothing about the user's work. If the import fails they are shown.
    """
    if "tensorflow" in sys.modules:
        return
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as remarks:
        os.dup2(remarks.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            remarks.seek(0)
            os.write(original, remarks.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
