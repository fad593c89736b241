"""Warm-up requests, which TensorFlow Serving sends to a model before it takes the first client's."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

from tf_lowdef.serving.samples import Expected

FILE = Path("assets.extra", "tf_serving_warmup_requests")
"""Where TensorFlow Serving looks for them, in the version's folder."""

BATCH_SIZES = (1, 8, 32)
"""What a server whose codec is compiled is warmed up for, unless told otherwise."""

_PACKAGE = "tensorflow.serving"
_FIELD = descriptor_pb2.FieldDescriptorProto
_MESSAGES: dict[str, list[tuple[str, int, str]]] = {
    "ModelSpec": [("name", 1, "string"), ("signature_name", 3, "string")],
    "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, "map")],
    "PredictLog": [("request", 1, "PredictRequest")],
    "PredictionLog": [("predict_log", 6, "PredictLog")],
}
"""Those fields of tensorflow/serving's apis/model.proto, predict.proto and prediction_log.proto that a warm-up uses.

tensorflow-serving-api would bring them all, and with them a TensorFlow of its own version.
"""


def write_warmup(folder: Path, model_name: str, expected: Expected, batch_sizes: Sequence[int] = (1,)) -> None:
    """Write one request for each signature and batch size into a version's folder: the first of the expected inputs.

    Args:
        folder: The version's.
        model_name: The served model's.
        expected: Inputs by signature.
        batch_sizes: How often a request holds that input.
    """
    file = folder / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for signature, size in itertools.product(expected, batch_sizes):
            inputs, _ = expected[signature]
            log = prediction_log_class()()
            request = log.predict_log.request
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature
            for name, array in inputs.items():
                # by way of bytes: the two classes come from different descriptor pools
                request.inputs[name].ParseFromString(_tensor(array, size).SerializeToString())
            writer.write(log.SerializeToString())


def _tensor(array: Any, size: int) -> Any:
    return tf.make_tensor_proto(np.repeat(array[:1], size, axis=0))


def read_warmup(folder: Path) -> list[Any]:
    """Return the ``PredictRequest`` messages of a version's folder.

    Raises:
        FileNotFoundError: There are none.
        ValueError: The file is damaged.
    """
    file = folder / FILE
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file")
    try:
        records = [bytes(record.numpy()) for record in tf.data.TFRecordDataset(str(file))]
        return [prediction_log_class().FromString(record).predict_log.request for record in records]
    except Exception as error:  # TensorFlow's DataLossError, protobuf's DecodeError
        raise ValueError(f"{file}: damaged ({error})") from error


@functools.cache
def prediction_log_class() -> Any:
    """Return the class of ``tensorflow.serving.PredictionLog``, with the fields that are used here."""
    file = descriptor_pb2.FileDescriptorProto(
        name="tf_lowdef/prediction_log.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[tensor_pb2.DESCRIPTOR.name],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            _add_field(message, field, number, kind)
    pool = descriptor_pool.DescriptorPool()  # not the default one, where tensorflow-serving-api registers its own
    _copy_file(pool, tensor_pb2.DESCRIPTOR)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.PredictionLog"))


def _add_field(message: Any, name: str, number: int, kind: str) -> None:
    if kind == "string":
        message.field.add(name=name, number=number, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
        return
    if kind != "map":
        type_name = f".{_PACKAGE}.{kind}"
        message.field.add(
            name=name, number=number, type=_FIELD.TYPE_MESSAGE, label=_FIELD.LABEL_OPTIONAL, type_name=type_name
        )
        return
    entry = message.nested_type.add(name="InputsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    entry.field.add(
        name="value",
        number=2,
        type=_FIELD.TYPE_MESSAGE,
        label=_FIELD.LABEL_OPTIONAL,
        type_name=".tensorflow.TensorProto",
    )
    message.field.add(
        name=name,
        number=number,
        type=_FIELD.TYPE_MESSAGE,
        label=_FIELD.LABEL_REPEATED,
        type_name=f".{_PACKAGE}.{message.name}.InputsEntry",
    )


def _copy_file(pool: Any, file: Any) -> None:
    """Add a file and what it imports to a pool."""
    for dependency in file.dependencies:
        _copy_file(pool, dependency)
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    pool.Add(proto)
