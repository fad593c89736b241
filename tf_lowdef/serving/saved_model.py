"""Reading a SavedModel's file without loading the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from tf_lowdef.serving.layout import MODEL_FILE, versions

TAG = "serve"


@dataclass(frozen=True)
class Signature:
    """A signature's tensors: the node and output that each input and output key stands for."""

    nodes: dict[str, tuple[str, int]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def find_version(path: Path) -> Path:
    """Return the folder of a SavedModel: `path` itself, or its highest version, which a server would take.

    Raises:
        FileNotFoundError: There is none.
    """
    if (path / MODEL_FILE).is_file():
        return path
    numbers = versions(path) if path.is_dir() else []
    if not numbers:
        raise FileNotFoundError(f"{path}: no exported model (neither {MODEL_FILE} nor folders of versions)")
    return path / str(numbers[-1])


def read_meta_graph(folder: Path) -> Any:
    """Return the ``MetaGraphDef`` that a server would serve.

    Raises:
        FileNotFoundError: There is no ``saved_model.pb``.
        ValueError: It is damaged, or has no graph for serving.
    """
    file = folder / MODEL_FILE
    try:
        model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except DecodeError as error:
        raise ValueError(f"{file}: damaged ({error})") from error
    for meta_graph in model.meta_graphs:
        if TAG in meta_graph.meta_info_def.tags:
            return meta_graph
    raise ValueError(f"{file}: no graph is tagged {TAG!r}")


def read_signatures(meta_graph: Any) -> dict[str, Signature]:
    """Return the signatures that have outputs, by name."""
    signatures = {}
    for name, definition in meta_graph.signature_def.items():
        tensors = {key: info.name for side in (definition.inputs, definition.outputs) for key, info in side.items()}
        nodes = {key: _node(tensor) for key, tensor in tensors.items()}
        if definition.outputs:
            signatures[name] = Signature(nodes, tuple(sorted(definition.inputs)), tuple(sorted(definition.outputs)))
    return signatures


def _node(tensor: str) -> tuple[str, int]:
    node, _, index = tensor.partition(":")
    return node, int(index or 0)
