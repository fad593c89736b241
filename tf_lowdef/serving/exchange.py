"""Requests to another process and its answers, as two pairs of files that C reads as easily as Python.

A text file says what there is, a binary file holds the tensors' bytes, one after the other. Requests::

    run NAME SIGNATURE
    in KEY OPERATION INDEX DTYPE RANK SIDE ... BYTES
    out KEY OPERATION INDEX
    end

Answers::

    loaded                                  or: failed MESSAGE
    run NAME
    out KEY DTYPE RANK SIDE ... BYTES       one or more, or: error MESSAGE
    end

DTYPE is TensorFlow's number. A tensor of strings is stored as the length (8 bytes, little-endian) and the bytes of
each. This module is copied beside the program that answers, and imports nothing of this package.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

STRING = 7
DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    3: np.dtype("<i4"),
    4: np.dtype("u1"),
    9: np.dtype("<i8"),
    10: np.dtype("?"),
}
"""TensorFlow's numbers: ``tensorflow/core/framework/types.proto``."""

REQUESTS = ("requests.txt", "requests.bin")
ANSWERS = ("answers.txt", "answers.bin")

Arrays = dict[str, npt.NDArray[Any]]


@dataclass
class Request:
    """One request: a name for it, the signature, inputs by key, and the nodes that inputs and outputs have."""

    name: str
    signature: str
    inputs: Arrays
    nodes: dict[str, tuple[str, int]]
    outputs: list[str]


@dataclass
class Answer:
    """What came back: outputs by key, or the error's text."""

    outputs: Arrays = field(default_factory=dict)
    error: str | None = None


@dataclass
class Answers:
    """All that a process said before it ended: why it could not load the model, or its answers by request."""

    failed: str | None = "the process said nothing"
    by_name: dict[str, Answer] = field(default_factory=dict)


def write_requests(folder: Path, requests: list[Request]) -> None:
    """Write requests into a folder."""
    lines = []
    with (folder / REQUESTS[1]).open("wb") as data:
        for request in requests:
            lines.append(f"run {request.name} {request.signature}")
            for key, array in request.inputs.items():
                content = to_bytes(array)
                data.write(content)
                node, index = request.nodes[key]
                lines.append(f"in {key} {node} {index} {_describe(array)} {len(content)}")
            lines += ["out {} {} {}".format(key, *request.nodes[key]) for key in request.outputs]
            lines.append("end")
    (folder / REQUESTS[0]).write_text("\n".join(lines) + "\n")


def read_requests(folder: Path) -> list[Request]:
    """Read what `write_requests` wrote."""
    requests: list[Request] = []
    with (folder / REQUESTS[1]).open("rb") as data:
        for line in (folder / REQUESTS[0]).read_text().splitlines():
            kind, *words = line.split()
            if kind == "run":
                requests.append(Request(words[0], words[1], {}, {}, []))
            elif kind == "in":
                requests[-1].inputs[words[0]] = _read_array(words[3:], data)
            elif kind == "out":
                requests[-1].outputs.append(words[0])
    return requests


def write_output(text: Any, data: Any, key: str, array: npt.NDArray[Any]) -> None:
    """Write one output of an answer to the two open files."""
    content = to_bytes(array)
    data.write(content)
    data.flush()
    text.write(f"out {key} {_describe(array)} {len(content)}\n")


def read_answers(folder: Path) -> Answers:
    """Read the answers in a folder, up to where a process that died stopped."""
    answers = Answers()
    if not all((folder / name).exists() for name in ANSWERS):
        return answers
    with (folder / ANSWERS[1]).open("rb") as data:
        current = Answer()
        for line in (folder / ANSWERS[0]).read_text("utf-8", "replace").splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "loaded":
                answers.failed = None
            elif kind == "failed":
                answers.failed = rest
            elif kind == "run":
                current, name = Answer(), rest
            elif kind == "error":
                current.error = rest
            elif kind == "out":
                key, *words = rest.split()
                current.outputs[key] = _read_array(words, data)
            elif kind == "end":
                answers.by_name[name] = current
    return answers


def to_bytes(array: npt.NDArray[Any]) -> bytes:
    """Return a tensor's bytes as they are stored."""
    if array.dtype == object:
        return b"".join(struct.pack("<Q", len(each)) + bytes(each) for each in array.ravel())
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()


def _describe(array: npt.NDArray[Any]) -> str:
    number = STRING if array.dtype == object else {dtype: key for key, dtype in DTYPES.items()}[array.dtype]
    return " ".join(str(each) for each in (number, array.ndim, *array.shape))


def _read_array(words: list[str], data: Any) -> npt.NDArray[Any]:
    number, _, *shape, size = (int(word) for word in words)
    content = data.read(size)
    if number != STRING:
        values: npt.NDArray[Any] = np.frombuffer(content, DTYPES[number])
        return values.reshape(shape).copy()
    strings, start = [], 0
    while start < len(content):
        (length,) = struct.unpack_from("<Q", content, start)
        start += 8
        strings.append(content[start : start + length])
        start += length
    array = np.empty(len(strings), dtype=object)
    array[:] = strings
    return array.reshape(shape)
