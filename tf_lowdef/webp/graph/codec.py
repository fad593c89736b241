"""The round trip, put together, with its checks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import tables
from tf_lowdef.webp.graph.analysis import analyse
from tf_lowdef.webp.graph.colour_in import rgb_to_yuv
from tf_lowdef.webp.graph.colour_out import yuv_to_rgb
from tf_lowdef.webp.graph.encode import MAX_DIFFUSION_QUALITY, encode, side_information
from tf_lowdef.webp.graph.epochs import EXACT_COUNT
from tf_lowdef.webp.graph.layout import Grid, from_macroblocks, to_macroblocks
from tf_lowdef.webp.graph.loop_filter import loop_filter
from tf_lowdef.webp.graph.segments import assign, strengthen
from tf_lowdef.webp.pillow import MAX_GRAPH_METHOD, check_method, check_quality, check_side
from tf_lowdef.webp.tracing import is_compiled

MAX_METHOD = MAX_GRAPH_METHOD


def roundtrip(images: Any, quality: Any = 60, method: int = 4, *, jit_compile: bool = False) -> tf.Tensor:
    """Encode images as lossy WebP and decode them again, in TensorFlow's own operations.

    The pixels are those of ``tf_lowdef.webp.roundtrip``, that is of Pillow with libwebp 1.6.0 (encoders differ in their
    decisions from version to version). No bytes are made: without them libwebp's round trip is prediction,
    transform, quantisation and loop filter, and mode decisions that need at most counts of symbols.

    Works eagerly, in a ``tf.function``, with ``jit_compile=True``, in ``tf.data`` and in a SavedModel. One trace serves
    all qualities. It runs where TensorFlow puts it, and is exact there: no product depends on how a device rounds
    float32 operands. A GPU or XLA takes the batch as a whole, a CPU in two parts.

    Args:
        images: uint8, shape (batch, height, width, 3) or (height, width, 3), RGB. Height and width must be static, 1 to
            16,383; the batch may be unknown, or empty.
        quality: 0 (smallest) to 100: a number, or an integer tensor, scalar or of shape (batch,), one per image.
        method: 0 (fast) to 4.
        jit_compile: Whether XLA compiles the round trip, inside a graph that is not compiled itself.

    Returns:
        uint8, of the shape of `images`.

    Raises:
        TypeError: `images` is not uint8, or a quality tensor holds no integers.
        ValueError: Another shape or static size, an argument out of its range, or another number of qualities than of
            images.
        tf.errors.InvalidArgumentError: At run time, a quality tensor in a graph holds a number outside 0 to 100.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef.webp import graph, roundtrip
        >>> images = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), np.uint8)
        >>> np.array_equal(graph.roundtrip(images, 60, method=0), roundtrip(images, 60, method=0))
        True
    """
    check_graph_method(method)
    images = tf.convert_to_tensor(images)
    _check_images(images)
    if images.shape.rank == 3:
        return roundtrip(images[None], quality, method, jit_compile=jit_compile)[0]
    qualities = _quality_tensors(quality)
    if not qualities[1].shape.is_compatible_with([1]) and not qualities[1].shape.is_compatible_with(images.shape[:1]):
        raise ValueError(
            "A `quality` tensor must hold one quality per image. "
            f"Received: shape={qualities[1].shape} for {images.shape[0]} images"
        )
    compiled = is_compiled() or jit_compile
    count = images.shape[0] if compiled and not tf.executing_eagerly() else None
    run = _run_compiled if jit_compile and not is_compiled() else _run
    return run(images, *qualities, method=int(method), compiled=compiled, count=count)


def check_graph_method(method: int) -> int:
    """Return `method` if this codec has it.

    Raises:
        ValueError: It is no integer from 0 to 4.

    Example:
        >>> from tf_lowdef.webp import graph
        >>> graph.check_graph_method(4)
        4
    """
    if check_method(method) > MAX_METHOD:
        raise ValueError(
            f"The graph codec does methods 0 to {MAX_METHOD} of lossy WebP; 5 and 6 need the Pillow codec. "
            f"Received: method={method!r}"
        )
    return int(method)


def always_exact(height: int, width: int, method: int) -> bool:
    """Return whether the pixels are libwebp's for every picture of a size.

    libwebp's methods 3 and 4 count symbols in 16 bits and halve the counts when one is about to overflow, which cannot
    happen up to 455 macroblocks (336 x 336 pixels). In larger pictures it takes very dense ones, such as noise at
    quality 100; those may differ.

    Args:
        height: In pixels.
        width: In pixels.
        method: 0 to 4.

    Raises:
        ValueError: The graph codec does not have the method.

    Example:
        >>> from tf_lowdef.webp import graph
        >>> graph.always_exact(96, 96, method=4)
        True
    """
    return check_graph_method(method) <= 2 or Grid(height, width).count <= EXACT_COUNT


def _check_images(images: tf.Tensor) -> None:
    if images.dtype != tf.uint8:
        raise TypeError(f"`images` must be uint8. Received: {images.dtype.name}")
    shape = images.shape
    if shape.rank not in (3, 4) or shape[-1] != 3:
        raise ValueError(
            f"`images` must have the shape (batch, height, width, 3) or (height, width, 3). Received: shape={shape}"
        )
    if None in shape[-3:]:
        raise ValueError(
            "The graph codec needs a static height and width: build the model with them, or use tf.ensure_shape. "
            f"Received: shape={shape}"
        )
    if min(shape[-3:]) < 1:
        raise ValueError(f"`images` must have sides of at least 1 pixel. Received: shape={shape}")
    check_side(shape[-3], shape[-2])


def _quality_tensors(quality: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return quantiser table (n, 255), whole quality (n,) and whether to diffuse errors (n,); n is 1 or the batch."""
    if not isinstance(quality, (tf.Tensor, tf.Variable, np.ndarray, list, tuple)):
        number = check_quality(quality)
        table = tf.constant(tables.quantiser_of_alpha(float(number))[None])
        return table, tf.constant([int(number)]), tf.constant([number <= MAX_DIFFUSION_QUALITY])
    tensor = tf.convert_to_tensor(quality)
    if not tensor.dtype.is_integer:
        raise TypeError(f"A `quality` tensor must hold integers. Received: {tensor.dtype.name}")
    if tensor.shape.rank not in (0, 1):
        raise ValueError(f"A `quality` tensor must be a scalar or of shape (batch,). Received: shape={tensor.shape}")
    static = tf.get_static_value(tensor)
    if static is not None and static.size and not (static.min() >= 0 and static.max() <= 100):
        raise ValueError(f"`quality` must be from 0 to 100. Received: quality={static}")
    whole = tf.reshape(tf.cast(tensor, tf.int32), [-1])
    return tf.gather(tables.quantiser_of_alpha_all(), whole), whole, whole <= MAX_DIFFUSION_QUALITY


@tf.function(autograph=False)
def _run(
    images: tf.Tensor,
    quantiser_of_alpha: tf.Tensor,
    quality: tf.Tensor,
    diffused: tf.Tensor,
    method: int,
    compiled: bool,
    count: int | None,
) -> tf.Tensor:
    """Run the batch as a whole, or in parts on a CPU.

    Where it runs is asked when it runs, since a SavedModel cannot know. XLA compiles the whole alone, and wants to know
    its size: `count` says it, not the shape, since TensorFlow would take an earlier trace for an unknown size.
    """
    if images.shape[0] == 0:
        return images
    batch = count or tf.shape(images)[0]
    qualities = tuple(
        tf.broadcast_to(part, [batch, *part.shape[1:]]) for part in (quantiser_of_alpha, quality, diffused)
    )
    if compiled:
        return _piece(images, *qualities, method=method, compiled=True, count=count)
    elsewhere = tf.raw_ops.DeviceIndex(device_names=["CPU"])  # 0 on a CPU
    found = tf.switch_case(
        elsewhere,
        [lambda: _halves(images, qualities, batch, method), lambda: _unless_empty(images, qualities, method)],
    )
    return tf.ensure_shape(found, images.shape)


_run_compiled = tf.function(_run.python_function, jit_compile=True, autograph=False)


def _halves(images: tf.Tensor, qualities: tuple[tf.Tensor, ...], batch: tf.Tensor, method: int) -> tf.Tensor:
    """Run two halves, either of which may be empty, side by side, each operation after operation.

    Most operations are so small that handing them from thread to thread costs more than they do. What runs like that
    must hold no condition and no call of a function, see ``control``.
    """
    middle = batch // 2
    halves = []
    for half in (slice(middle), slice(middle, None)):
        some, about = images[half], tuple(part[half] for part in qualities)
        with tf.experimental.function_executor_type("SINGLE_THREADED_EXECUTOR"):
            halves.append(_unless_empty(some, about, method))
    return tf.concat(halves, axis=0)


def _unless_empty(images: tf.Tensor, qualities: tuple[tf.Tensor, ...], method: int) -> tf.Tensor:
    return tf.cond(
        tf.shape(images)[0] > 0,
        lambda: _piece(images, *qualities, method=method, compiled=False, count=None),
        lambda: images,
    )


@tf.function(autograph=False)
def _piece(
    images: tf.Tensor,
    quantiser_of_alpha: tf.Tensor,
    quality: tf.Tensor,
    diffused: tf.Tensor,
    method: int,
    compiled: bool,
    count: int | None,
) -> tf.Tensor:
    """Run some images; a function of its own, so that the graph holds it once. the last two as in :func:`_run`."""
    images = tf.ensure_shape(images, [count, *images.shape[1:]])
    height, width = images.shape[1], images.shape[2]
    grid = Grid(height, width)
    blocks = to_macroblocks(*rgb_to_yuv(images), grid)
    analysis = analyse(blocks, grid, method, quality)
    segments = assign(analysis, quantiser_of_alpha)
    encoded = encode(blocks, side_information(analysis, segments, diffused), grid, method, compiled)
    by_image = tf.transpose(segments.segment)
    levels = segments.filter_level if encoded.edge is None else strengthen(segments, encoded.edge)
    level = tf.transpose(tf.gather(levels, by_image, batch_dims=1))
    y, u, v = from_macroblocks(loop_filter(encoded.pixels, level, encoded.inner, grid), grid)
    chroma = (slice(None), slice(math.ceil(height / 2)), slice(math.ceil(width / 2)))
    rgb = yuv_to_rgb(y[:, :height, :width], u[chroma], v[chroma])
    return tf.reshape(rgb, [-1, height, width, 3])
