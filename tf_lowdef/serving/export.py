"""A defended model as TensorFlow Serving reads it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.models import as_classifier, load_model
from tf_lowdef.models.adapter import in_colour, range_is_said
from tf_lowdef.models.doubts import range_doubt
from tf_lowdef.models.gated import find_gate
from tf_lowdef.models.networks import knows_shape
from tf_lowdef.serving.decode import at_least, check_limit
from tf_lowdef.serving.expected import write_expected
from tf_lowdef.serving.layout import check_free, check_version, model_name, new_version, write_config
from tf_lowdef.serving.network import static_size, take_apart
from tf_lowdef.serving.own_scale import check_own_scale, has_sigmoids
from tf_lowdef.serving.readme import write_readme
from tf_lowdef.serving.reference import make_expected, reference
from tf_lowdef.serving.refusals import check_answers, check_ops, check_scores
from tf_lowdef.serving.samples import choose_samples, open_samples
from tf_lowdef.serving.saved_model import read_meta_graph
from tf_lowdef.serving.signatures import DEFENDED, TOP, Serving
from tf_lowdef.serving.warmup import BATCH_SIZES, write_warmup

ON_BAD_IMAGE = ("mark", "error")


def export(
    model: Any,
    path: str | os.PathLike[str],
    version: int = 1,
    *,
    class_names: Sequence[str] | None = None,
    samples: npt.ArrayLike | str | os.PathLike[str] | None = None,
    defended_pixels: bool = True,
    input_range: Any = None,
    outputs: str | None = None,
    on_bad_image: str = "mark",
    max_image_size: tuple[int, int] | None = None,
    xla: bool = False,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    seed: int = 0,
) -> Path:
    """Write a defended model as TensorFlow Serving reads it, and check that it answers as the model here does.

    The model is traced with WebP in stock TensorFlow operations, whatever codec its layers have; the model itself stays
    as it is. Its answers to the samples, called eagerly on its own scale on what Pillow decodes and resizes, are what
    the graph must answer, and what ``tf-lowdef serve-check`` asks for later. Signatures and outputs are those of
    :class:`~tf_lowdef.serving.signatures.Serving`, decoding is that of
    :func:`~tf_lowdef.serving.decode.decode_batch`.

    ``PATH/VERSION`` gets the SavedModel, warm-up requests and the expected answers to the samples (for
    ``tf-lowdef serve-check``); ``PATH`` gets ``models.config`` and ``README.md``, unless there are such files of
    somebody else's. The version appears under its name only when it is whole.

    Args:
        model: Any Keras model from images of a static height and width to class scores, see
            :func:`tf_lowdef.as_classifier`, or a ``.keras`` or ``.h5`` file. What is served takes RGB pixels in
            [0, 255], whatever the model's own range; a model of grey images gets them made grey as Pillow does. The
            defence is the image layers that a ``keras.Sequential`` begins with; in another model it is exported too,
            but ``defended_pixels`` is left out and only logits are compared. A gate has two outputs more, ``suspicion``
            and ``defended``.
        path: Folder of the model; its name is the served model's.
        version: From 1. Others in the folder are left alone.
        class_names: One a class; None means their indices.
        samples: Images to check on: whole numbers, shape (n, height, width, 3), RGB in [0, 255]; or a folder, whose
            first 16 files of any size are taken. They are stored beside the model. None means noise, a gradient and a
            picture with the spectrum of a photograph. Files of another size than the model's are always among them.
        defended_pixels: Whether the pixels behind the defence are an output.
        input_range: What the model takes pixels as, such as ``(0, 1)`` or ``"caffe"``, see ``as_classifier``. The
            server takes [0, 255] always and maps it there. None means the ``value_range`` of the layers that the model
            begins with, and (0, 255) where they have none; a warning says so where the model has no preprocessing
            of its own either and nobody evaluated it before.
        outputs: What the model gives, see there; None finds it out.
        on_bad_image: ``"mark"`` answers bad images with zeros and says so in an output ``valid``; ``"error"`` fails the
            request, and with it all those that the server had merged into its batch.
        max_image_size: Height and width in pixels that a file may have at most. It is in the file's header, and is
            looked at before anything is decoded. None means 4096 x 4096, or the model's own size where that is larger.
        xla: Whether XLA compiles the codec in the server: several times as fast on a CPU, for 10 to 30 s of compilation
            and up to 1 GB for every size of a batch. TensorFlow Serving does so with ``--xla_cpu_compilation_enabled``
            alone.
        batch_sizes: With `xla`, the sizes that warm-up requests make the server compile before it takes others.
        seed: Of the pictures that are made.

    Returns:
        The folder of the version.

    Raises:
        FileExistsError: The version is there already.
        FileNotFoundError: There is no such ``.keras`` file.
        NotADirectoryError: `path` is a file, or `samples` is no folder.
        OSError: The folder cannot be written to.
        TypeError: `model` is no Keras model.
        ValueError: An argument does not fit, the model cannot be exported (its WebP is lossless or of method 5 or 6;
            its size is unknown; it has several inputs or outputs; it calls into Python, or uses an operation that
            TensorFlow 2.16 lacks; it is random; its scores are not finite), or the graph does not answer as it does.

    Example:
        >>> import keras
        >>> from tf_lowdef import defend
        >>> from tf_lowdef.serving import export
        >>> model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
        >>> folder = export(defend(model, input_range=(0, 255)), "served/mine", class_names=["cat", "dog", "horse"])
        >>> folder.parts, (folder / "saved_model.pb").exists()
        (('served', 'mine', '1'), True)
    """
    root = Path(path)
    model_name(root)
    check_free(root, check_version(version))
    if on_bad_image not in ON_BAD_IMAGE:
        raise ValueError(f"`on_bad_image` must be one of {ON_BAD_IMAGE}. Received: on_bad_image={on_bad_image!r}")
    mark = on_bad_image == ON_BAD_IMAGE[0]
    sizes = _check_batch_sizes(batch_sizes) if xla else (1,)
    limit = check_limit(max_image_size)
    images = None if samples is None else open_samples(samples, limit)
    whole = load_model(model) if isinstance(model, (str, os.PathLike)) else model
    sides = None if images is None or knows_shape(whole) else images.size()
    shape = None if sides is None else (*sides, 3)
    adapted = as_classifier(whole, input_range, outputs, shape)
    doubt = None if range_is_said(adapted) else range_doubt(adapted)
    if doubt is not None:
        warnings.warn(doubt, UserWarning, stacklevel=2)
    classifier = in_colour(adapted)
    size = None if images is None or (images.any_size and static_size(classifier)) else images.size()
    network = take_apart(classifier, size)
    limit = at_least(network.size, limit, max_image_size is None)
    pixels, files = choose_samples(images, network.size, limit, seed)
    scores = check_scores(network, reference(network, pixels.astype(np.float32))[1])
    names = _class_names(class_names, scores.shape[1])
    sigmoids = has_sigmoids(classifier)
    serving = Serving(network, names, sigmoids, defended_pixels=defended_pixels, mark=mark, limit=limit, xla=xla)
    signatures = serving.signatures()
    for function in signatures.values():
        check_ops(network, function.graph.as_graph_def())
    with_pixels = DEFENDED in serving.output_names
    expected = make_expected(
        network,
        pixels,
        files,
        names=names,
        sigmoids=sigmoids,
        with_pixels=with_pixels,
        with_valid=mark,
    )
    check_answers(network, signatures, expected)
    if find_gate(whole) is None:  # which takes pixels
        check_own_scale(whole, input_range, pixels, scores, said=outputs, sigmoids=sigmoids)
    with new_version(root, version) as folder:
        tf.saved_model.save(serving.module, str(folder), signatures=signatures)
        check_ops(network, read_meta_graph(folder).graph_def)
        write_warmup(folder, model_name(root), expected, sizes)
        write_expected(folder, expected)
    write_config(root)
    top = min(TOP, len(names))
    write_readme(
        root,
        network,
        classes=len(names),
        top=top,
        sigmoids=sigmoids,
        pixels=with_pixels,
        mark=mark,
        limit=limit,
        compiled_for=sizes if xla else (),
        range_said=doubt is None,
    )
    return root / str(version)


def _check_batch_sizes(batch_sizes: Sequence[int]) -> tuple[int, ...]:
    whole = [isinstance(size, int) and not isinstance(size, bool) and size >= 1 for size in batch_sizes]
    if not whole or not all(whole):
        raise ValueError(f"`batch_sizes` must be positive integers, at least one. Received: {batch_sizes!r}")
    return tuple(sorted(set(batch_sizes)))


def _class_names(class_names: Sequence[str] | None, classes: int) -> list[str]:
    if class_names is None:
        return [str(index) for index in range(classes)]
    if isinstance(class_names, str) or not all(isinstance(name, str) for name in class_names):
        raise TypeError(f"`class_names` must be a sequence of strings. Received: {class_names!r:.80}")
    if len(class_names) != classes:
        raise ValueError(f"`class_names` must be {classes}, one a class. Received: {len(class_names)}")
    return list(class_names)
