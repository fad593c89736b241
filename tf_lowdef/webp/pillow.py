"""The WebP round trip through Pillow (libwebp), one thread per core over the batch."""

from __future__ import annotations

from io import BytesIO
from numbers import Integral

import numpy as np
import numpy.typing as npt
from PIL import Image, features

from tf_lowdef.threads import for_each
from tf_lowdef.validation import check_integer, check_number

MAX_SIDE = 16383
"""The longest side of a WebP image in pixels (RFC 9649 section 2.5: 14 bits for width and height)."""
MAX_GRAPH_METHOD = 4
"""The highest method of the codec in the graph: 5 and 6 quantise with a trellis search, which it does not have."""

Pixels = npt.NDArray[np.uint8]


def libwebp_version() -> str:
    """Return the version of the libwebp inside the installed Pillow, such as ``"1.6.0"``.

    Example:
        >>> from tf_lowdef import webp
        >>> webp.libwebp_version().count(".")  # such as "1.6.0"
        2
    """
    return str(features.version("webp"))


def check_quality(quality: float) -> float:
    """Return `quality` if it is a number from 0 to 100, whole ones as an int; ValueError otherwise."""
    checked = check_number("quality", quality, 0, 100)
    return int(quality) if isinstance(quality, Integral) else checked


def check_method(method: int) -> int:
    """Return `method` if it is an integer from 0 (fast) to 6 (slow); ValueError otherwise."""
    return check_integer("method", method, 0, 6)


def check_num_threads(num_threads: int | None) -> int | None:
    """Return `num_threads` if it is a positive integer or None (one per core); ValueError otherwise."""
    return None if num_threads is None else check_integer("num_threads", num_threads, 1)


def check_side(height: int, width: int) -> None:
    """Raise ValueError where a side is longer than a WebP image may be."""
    if max(height, width) > MAX_SIDE:
        raise ValueError(f"WebP images have sides of at most {MAX_SIDE} pixels. Received: {height} x {width}")


def encode(image: Pixels, quality: float = 60, method: int = 4, lossless: bool = False) -> bytes:
    """Encode one image as WebP, as ``PIL.Image.save`` does.

    Args:
        image: uint8, shape (height, width, 3), RGB, or (height, width, 1), grey, which becomes RGB in the file.
        quality: 0 (smallest) to 100. For `lossless` it is the effort, and changes no pixel.
        method: 0 (fast) to 6 (slow); part of the result, not only of its cost.
        lossless: Whether to use the lossless codec. `quality=100` alone is still lossy.

    Returns:
        The bytes of a `.webp` file.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import webp
        >>> data = webp.encode(np.full((16, 16, 3), 128, np.uint8), quality=60)
        >>> data[:4], data[8:12]
        (b'RIFF', b'WEBP')
    """
    buffer = BytesIO()
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    picture.save(buffer, "WEBP", quality=quality, method=method, lossless=lossless)
    return buffer.getvalue()


def decode(data: bytes) -> Pixels:
    """Decode one WebP image to uint8 of shape (height, width, 3), RGB.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import webp
        >>> image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
        >>> np.array_equal(webp.decode(webp.encode(image, lossless=True)), image)
        True
    """
    with Image.open(BytesIO(data), formats=("WEBP",)) as image:
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # to its own mode is a copy


def roundtrip(
    images: Pixels,
    quality: float = 60,
    method: int = 4,
    lossless: bool = False,
    num_threads: int | None = None,
) -> Pixels:
    """Encode images as WebP and decode them again.

    Args:
        images: uint8, shape (batch, height, width, 3) or (height, width, 3), RGB. The batch may be empty; height and
            width are 1 to 16,383.
        quality: 0 (smallest) to 100.
        method: 0 (fast) to 6 (slow).
        lossless: Whether to use the lossless codec.
        num_threads: Images coded at a time; None means one per core.

    Returns:
        uint8 of the same shape: exactly what Pillow's own save and open give.

    Raises:
        TypeError: `images` is not uint8.
        ValueError: `images` has another shape, or an argument is out of its range.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import webp
        >>> images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
        >>> np.array_equal(webp.roundtrip(images, quality=60), images)
        False
        >>> np.array_equal(webp.roundtrip(images, lossless=True), images)
        True
    """
    check_quality(quality)
    check_method(method)
    check_num_threads(num_threads)
    _check_images(images)
    if images.ndim == 3:
        return decode(encode(images, quality, method, lossless))
    out = np.empty_like(images, order="C")

    def code(index: int) -> None:
        out[index] = decode(encode(images[index], quality, method, lossless))

    for_each(code, len(images), num_threads)
    return out


def _check_images(images: Pixels) -> None:
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        received = getattr(images, "dtype", type(images).__name__)
        raise TypeError(f"`images` must be a uint8 array. Received: {received}")
    if images.ndim not in (3, 4) or images.shape[-1] != 3:
        raise ValueError(
            "`images` must have the shape (batch, height, width, 3) or (height, width, 3). "
            f"Received: shape={images.shape}"
        )
    height, width = images.shape[-3:-1]
    if min(height, width) < 1:
        raise ValueError(f"`images` must have sides of at least 1 pixel. Received: shape={images.shape}")
    check_side(height, width)
