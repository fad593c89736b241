"""Which WebP codec a layer uses: its own, or the one of the scope that it is called in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tf_lowdef.validation import check_choice

CODECS = ("pillow", "graph")

_SCOPE: ContextVar[str | None] = ContextVar("tf_lowdef_codec", default=None)


def check_codec(codec: str) -> str:
    """Return `codec` if there is one of that name; ValueError otherwise."""
    return check_choice("codec", codec, CODECS)


@contextmanager
def codec_scope(codec: str) -> Iterator[None]:
    """Make every WebP layer that is called or traced inside use one codec.

    It reaches layers that are nested, shared, wrapped in ``TimeDistributed`` or part of a subclassed model, since it
    is asked when a layer is called. A function that was traced before keeps the codec it was traced with.

    Args:
        codec: ``"pillow"``, or ``"graph"``: stock TensorFlow operations, which can be exported.

    Raises:
        ValueError: There is no such codec. From a layer called inside: the codec cannot do what the layer is set to.

    Example:
        >>> with codec_scope("graph"):
        ...     function = tf.function(model).get_concrete_function(tf.TensorSpec((None, 224, 224, 3)))
    """
    token = _SCOPE.set(check_codec(codec))
    try:
        yield
    finally:
        _SCOPE.reset(token)


def current_codec(own: str) -> str:
    """Return the codec of the scope, or a layer's own where there is no scope."""
    return _SCOPE.get() or own
