"""Running an export in other processes: one of Python without this package, and one without Python."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from tf_lowdef.serving.exchange import ANSWERS, REQUESTS, Answers, Request, read_answers, write_requests
from tf_lowdef.serving.isolated import OPERATIONS, UNKNOWN

TIME_LIMIT = 1800.0
"""Seconds until a process is taken for stuck. The largest models take minutes to load and to run first."""

LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
COMPILERS = ("cc", "gcc", "clang")


class NoCompilerError(Exception):
    """The process without Python cannot be built here; the text says why."""


class Run(NamedTuple):
    """What came of a process: its answers, which operations stock TensorFlow lacks (None: not asked), how it ended."""

    answers: Answers
    unknown: list[str] | None
    ended: str | None


def run_python(model: Path, requests: list[Request], operations: Sequence[str]) -> Run:
    """Answer requests in a fresh Python process in which tf_lowdef cannot be imported.

    Args:
        model: Folder of the SavedModel.
        requests: What to send, in this order.
        operations: Types of operations to look up in that process's registry, which is stock TensorFlow's.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program in ("isolated.py", "exchange.py"):
            shutil.copy(str(_resource(program)), folder)
        (folder / OPERATIONS).write_text("\n".join(operations))
        write_requests(folder, requests)
        ended = _run([sys.executable, "-I", str(folder / "isolated.py"), os.fspath(model.resolve())])
        unknown = folder / UNKNOWN
        return Run(read_answers(folder), unknown.read_text().split() if unknown.exists() else None, ended)


def run_native(model: Path, requests: list[Request]) -> Run:
    """Answer requests in a process without Python, with TensorFlow's C++ runtime, which TensorFlow Serving has too.

    Raises:
        NoCompilerError: There is no C compiler, or TensorFlow came without its C library or headers.
    """
    program = build_native()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_requests(folder, requests)
        files = [str(folder / each) for each in (*REQUESTS, *ANSWERS)]
        ended = _run([str(program), os.fspath(model.resolve()), *files])
        return Run(read_answers(folder), None, ended)


def build_native() -> Path:
    """Compile ``native.c`` against the installed TensorFlow, once in the life of this process.

    Raises:
        NoCompilerError: There is no C compiler, or TensorFlow came without its C library or headers.
    """
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise NoCompilerError(f"no C compiler ({', '.join(COMPILERS)})")
    libraries = [Path(tf.sysconfig.get_lib(), name) for name in LIBRARIES]
    missing = [path.name for path in libraries if not path.exists()]
    if missing:
        raise NoCompilerError(f"TensorFlow was installed without {', '.join(missing)}")
    return _compile(compiler, tuple(libraries)) / "native"


@functools.cache
def _compile(compiler: str, libraries: tuple[Path, ...]) -> Path:
    folder = _temporary_folder()
    command = [
        *(compiler, "-O1", "-o", str(folder / "native"), str(_resource("native.c"))),
        *("-I", tf.sysconfig.get_include(), *map(str, libraries), f"-Wl,-rpath,{tf.sysconfig.get_lib()}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own file
    if done.returncode:
        raise NoCompilerError(f"{compiler} failed: {' '.join(done.stderr.split())[:300]}")
    return folder


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _temporary_folder() -> Path:
    """Return a folder that lives as long as this process."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix="tf_lowdef-"))
    return Path(_KEPT[-1].name)


def _run(command: list[str]) -> str | None:
    """Run a program on the CPU; return how it ended, or None for well."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    try:
        done = subprocess.run(  # noqa: S603  # our own programs
            command, env=environment, capture_output=True, check=False, timeout=TIME_LIMIT
        )
    except subprocess.TimeoutExpired:
        return f"it did not end within {TIME_LIMIT:.0f} s"
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        return f"it was killed by {signal.Signals(-done.returncode).name}"
    lines = done.stderr.decode("utf-8", "replace").split("\n")
    said = next((line for line in reversed(lines) if line.strip()), "")
    return f"it ended with code {done.returncode} {said[:300]}".strip()


def _resource(name: str) -> Path:
    return Path(str(resources.files("tf_lowdef.serving").joinpath(name)))
