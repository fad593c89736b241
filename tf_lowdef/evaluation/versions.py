"""The versions of everything that decides a result."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from tf_lowdef._version import __version__
from tf_lowdef.webp import libwebp_version

_PACKAGES = ("tensorflow", "keras", "cleverhans", "numpy", "pillow")


def versions() -> dict[str, str]:
    """Return the versions of everything that decides a result."""
    found = {"tf_lowdef": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return {**found, "libwebp": libwebp_version()}
