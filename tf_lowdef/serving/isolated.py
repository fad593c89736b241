"""A program: loads a SavedModel with stock TensorFlow alone, and answers requests. It is not imported.

It is copied into a folder with ``exchange.py``, ``operations.txt`` and requests, and run there as
``python -I isolated.py MODEL``. Any import of tf_lowdef is an error in it.
"""

from __future__ import annotations

import importlib
import importlib.abc
import sys
from pathlib import Path
from typing import Any

PACKAGE = "tf_lowdef"
OPERATIONS = "operations.txt"
UNKNOWN = "unknown.txt"


class Barred(importlib.abc.MetaPathFinder):
    """Makes every import of the package fail, wherever it is installed."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        """Raise ImportError for the package; leave other names to other finders."""
        del path, target
        if fullname.partition(".")[0] == PACKAGE:
            raise ImportError(f"{fullname} is barred in this process")


def one_line(error: BaseException) -> str:
    """Return an error's type and text on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def write_unknown(folder: Path) -> None:
    """Write the operations that stock TensorFlow has not registered, and that are no functions of the graph."""
    registry = importlib.import_module("tensorflow.python.framework.op_def_registry")
    names = (folder / OPERATIONS).read_text().split()
    (folder / UNKNOWN).write_text("\n".join(name for name in names if registry.get(name) is None))


def answer_all(model: Any, folder: Path, exchange: Any, text: Any, data: Any) -> None:
    """Answer the requests of a folder one by one; an error is an answer."""
    import tensorflow as tf

    text.write("loaded\n")
    for request in exchange.read_requests(folder):
        text.write(f"run {request.name}\n")
        try:
            inputs = {key: tf.constant(array) for key, array in request.inputs.items()}
            outputs = model.signatures[request.signature](**inputs)
            for key in request.outputs:
                exchange.write_output(text, data, key, outputs[key].numpy())
        except Exception as error:
            text.write(f"error {one_line(error)}\n")
        text.write("end\n")
        text.flush()


def main() -> None:
    """Load the model and answer."""
    sys.meta_path.insert(0, Barred())
    folder = Path(__file__).resolve().parent
    sys.path.insert(0, str(folder))
    exchange = importlib.import_module("exchange")
    import tensorflow as tf

    write_unknown(folder)
    answers = [folder / name for name in exchange.ANSWERS]
    with answers[0].open("w", encoding="utf-8") as text, answers[1].open("wb") as data:
        try:
            model = tf.saved_model.load(sys.argv[1])
        except Exception as error:
            text.write(f"failed {one_line(error)}\n")
            sys.exit(1)
        answer_all(model, folder, exchange, text, data)
    if PACKAGE in sys.modules:
        sys.exit(f"{PACKAGE} was imported")


if __name__ == "__main__":
    main()
