"""Reading ``.webp`` files inside ``tf.data``, without Python."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def decode_webp(contents: Any) -> tf.Tensor:
    """Decode one WebP image in the graph.

    TensorFlow has the decoder since 2.20; before, tensorflow-io has it (``pip install tf_lowdef[tfio]``).

    Args:
        contents: A scalar string tensor: the bytes of a still WebP image. Transparency is dropped, not laid on white.

    Returns:
        uint8, shape (height, width, 3), RGB: the pixels that Pillow gives.

    Raises:
        ImportError: Neither decoder is installed.
        tf.errors.InvalidArgumentError: The bytes are no WebP image.
    """
    if hasattr(tf.io, "decode_webp"):
        image = tf.io.decode_webp(contents)[0]  # (frames, height, width, channels)
    else:
        image = _tfio_image().decode_webp(contents)  # always RGBA
    image = image[..., :3]
    image.set_shape((None, None, 3))
    return image


def read_webp(path: Any) -> tf.Tensor:
    """Read one ``.webp`` file in the graph, such as in ``tf.data.Dataset.list_files("*.webp").map(read_webp)``.

    Args:
        path: A scalar string tensor, or a text.

    Returns:
        uint8, shape (height, width, 3), RGB.

    Raises:
        ImportError: Neither decoder is installed; see :func:`decode_webp`.
        tf.errors.NotFoundError: There is no such file.
        tf.errors.InvalidArgumentError: The file is no WebP image.
    """
    return decode_webp(tf.io.read_file(path))


def _tfio_image() -> Any:
    try:
        import tensorflow_io as tfio
    except ImportError as error:
        raise ImportError(
            f"TensorFlow {tf.__version__} cannot decode WebP (2.20 and later can), and tensorflow-io is not installed: "
            "pip install tf_lowdef[tfio]"
        ) from error
    return tfio.image
