#!/usr/bin/env python3
"""Writes which operations TensorFlow has gained since the oldest version that exports must run on.

Run it in an environment of each version, the oldest first; the second run compares, and writes
``tf_lowdef/serving/newer_ops.json``:

    .venv-tfio/bin/python scripts/newer_ops.py --dump ops.json    # TensorFlow 2.16
    .venv/bin/python scripts/newer_ops.py --since ops.json        # the newest
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

RESULT = Path(__file__).resolve().parents[1] / "tf_lowdef" / "serving" / "newer_ops.json"


def registered() -> dict[str, list[str]]:
    """Return the names of the attributes of every operation of this TensorFlow."""
    ops = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return {op.name: sorted(attribute.name for attribute in op.attr) for op in ops.op}


def main() -> None:
    """Dump this version's operations, or compare them with a dump."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--dump", type=Path, help="write the operations of the installed TensorFlow")
    action.add_argument("--since", type=Path, help="compare the installed TensorFlow with a dump")
    arguments = parser.parse_args()
    new = registered()
    if arguments.dump:
        arguments.dump.write_text(json.dumps({"version": tf.__version__, "ops": new}))
        return
    dump = json.loads(arguments.since.read_text())
    old = dump["ops"]
    gained = {name: sorted(set(new[name]) - set(old[name])) for name in sorted(set(new) & set(old))}
    content = {
        "oldest": dump["version"],
        "newest": tf.__version__,
        "ops": sorted(set(new) - set(old)),
        "attributes": {name: attributes for name, attributes in gained.items() if attributes},
    }
    RESULT.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
