"""A record as a file: a plain ``.npz`` whose archive comment is a checksum over everything before it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import numpy as np

from tf_lowdef.jobs.units import Record

ABOUT = "about"
"""The entry that holds facts, files and seconds as JSON; no array of a record may be called so."""

_DIGEST = 64
"""Hexadecimal digits of SHA-256."""


def to_bytes(record: Record, salt: str) -> bytes:
    """Return a record as a file's contents.

    Args:
        record: Of its `contents` only the names are kept, among the files.
        salt: What the file belongs to; it goes into the checksum.

    Raises:
        ValueError: An array holds Python objects, or is called `ABOUT`.
    """
    if ABOUT in record.arrays:
        raise ValueError(f"No array of a record may be called {ABOUT!r}. Received: {list(record.arrays)}")
    files = [*record.files, *record.contents]
    content = {"facts": record.facts, "files": files, "seconds": record.seconds, "digests": dict(record.digests)}
    about = json.dumps(content).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = b"0" * _DIGEST  # the last bytes of a zip file
        for name, array in {**record.arrays, ABOUT: np.frombuffer(about, np.uint8)}.items():
            entry = zipfile.ZipInfo(f"{name}.npy")  # without the time of day: equal records are equal files
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    body = buffer.getvalue()[:-_DIGEST]
    return body + _checksum(body, salt)


def from_bytes(data: bytes, salt: str) -> Record | None:
    """Return the record that `to_bytes` wrote with the same salt; None for anything else, damaged or foreign."""
    body, checksum = data[:-_DIGEST], data[-_DIGEST:]
    if checksum != _checksum(body, salt):
        return None
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(arrays.pop(ABOUT).tobytes())
    return Record(arrays, about["facts"], tuple(about["files"]), about["seconds"], digests=about["digests"])


def _checksum(body: bytes, salt: str) -> bytes:
    total = hashlib.sha256(f"{salt}\0".encode())
    total.update(body)
    return total.hexdigest().encode()
