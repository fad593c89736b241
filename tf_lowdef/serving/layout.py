"""The folder that TensorFlow Serving reads: numbered versions, each whole or absent, and a ``models.config``."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tf_lowdef.files import sync_folder, write_text

CONFIG = "models.config"
README = "README.md"
MODEL_FILE = "saved_model.pb"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TEMPORARY = ".tf_lowdef-"
"""TensorFlow Serving passes over folders whose names are not numbers."""

_CONFIG_TEXT = """\
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
  }}
}}
"""


def model_name(root: Path) -> str:
    """Return the served model's name, which is its folder's.

    Raises:
        ValueError: The name does not fit into a URL and a command line as it is.
    """
    name = root.resolve().name
    if not _NAME.fullmatch(name):
        raise ValueError(
            "The folder's name becomes the model's name and part of its URL: letters, digits, '.', '_' and '-'. "
            f"Received: path={os.fspath(root)!r}"
        )
    return name


def check_version(version: int) -> int:
    """Return `version` if TensorFlow Serving could serve it: an integer from 1 to 2^63 - 1; ValueError otherwise."""
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version < 2**63:
        raise ValueError(f"`version` must be an integer of at least 1. Received: version={version!r}")
    return version


def check_free(root: Path, version: int) -> None:
    """Raise FileExistsError if a version is there already, NotADirectoryError if `root` is a file."""
    if root.exists() and not root.is_dir():
        raise NotADirectoryError(f"{root} must be a folder, or not exist")
    if (root / str(version)).exists():
        used = ", ".join(str(each) for each in versions(root))
        raise FileExistsError(f"{root / str(version)} is there already; give another version (there are: {used})")


def versions(root: Path) -> list[int]:
    """Return the numbers of the versions in a model's folder, in order."""
    return sorted(int(entry.name) for entry in root.iterdir() if entry.is_dir() and entry.name.isdigit())


@contextmanager
def new_version(root: Path, version: int) -> Iterator[Path]:
    """Yield a folder to write a version into; it gets its name when the block ends without an error.

    Its files reach the disk before that. On an error, KeyboardInterrupt among them, it is removed.

    Raises:
        FileExistsError: The version is there already.
        OSError: The folder cannot be written to.
    """
    check_free(root, version)
    created = not root.exists()
    root.mkdir(parents=True, exist_ok=True)
    temporary = root / f"{_TEMPORARY}{uuid.uuid4().hex}"
    temporary.mkdir()
    try:
        yield temporary
        _sync(temporary)
        check_free(root, version)
        temporary.rename(root / str(version))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        if created and not any(root.iterdir()):
            root.rmdir()
        raise
    sync_folder(root)


def write_config(root: Path) -> bool:
    """Write ``models.config`` for one model unless there is one, which may be somebody's own; return whether it was."""
    if (root / CONFIG).exists():
        return False
    write_text(root / CONFIG, _CONFIG_TEXT.format(name=model_name(root)))
    return True


def _sync(folder: Path) -> None:
    """Make the files and folders in a folder reach the disk."""
    for inner, _, files in os.walk(folder, topdown=False):
        for name in files:
            descriptor = os.open(os.path.join(inner, name), os.O_RDWR)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(inner)
