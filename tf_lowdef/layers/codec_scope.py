"""Which WebP codec a layer uses: its own, or the one of the scope that it is called in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import tensorflow as tf

from tf_lowdef.validation import check_choice
from tf_lowdef.webp.tracing import is_compiled

CODECS = ("auto", "pillow", "graph")
_EXPORTS = ("keras.src.export", "keras.src.backend.tensorflow.export", "tensorflow.python.saved_model")
_DATASETS = ("tensorflow.python.data.ops",)
"""Modules that trace a function for a SavedModel, and for a dataset."""

_SCOPE: ContextVar[str | None] = ContextVar("tf_lowdef_codec", default=None)
_JIT_COMPILE: ContextVar[bool] = ContextVar("tf_lowdef_codec_jit_compile", default=False)


def check_codec(codec: str) -> str:
    """Return `codec` if there is one of that name; ValueError otherwise."""
    return check_choice("codec", codec, CODECS)


@contextmanager
def codec_scope(codec: str, jit_compile: bool = False) -> Iterator[None]:
    """Make every WebP layer that is called or traced inside use one codec.

    It reaches layers that are nested, shared, wrapped in ``TimeDistributed`` or part of a subclassed model, since it
    is asked when a layer is called. A function that was traced before keeps the codec it was traced with.

    Args:
        codec: ``"pillow"``, ``"graph"`` (stock TensorFlow operations, which can be exported), or ``"auto"``; see
            :class:`WebPLayer`.
        jit_compile: Whether XLA compiles the graph codec, and it alone. That takes 10 to 30 s for every size of a
            batch, after which it is several times as fast on a CPU.

    Raises:
        ValueError: There is no such codec. From a layer called inside: the codec cannot do what the layer is set to.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import WebPLayer, codec_scope
        >>> layer = WebPLayer(60, method=0, codec="pillow")
        >>> images = np.full((1, 16, 16, 3), 128, np.uint8)
        >>> with codec_scope("graph"):
        ...     in_graph = layer(images)
        >>> np.array_equal(in_graph, layer(images))
        True
    """
    token, jit_token = _SCOPE.set(check_codec(codec)), _JIT_COMPILE.set(jit_compile)
    try:
        yield
    finally:
        _SCOPE.reset(token)
        _JIT_COMPILE.reset(jit_token)


def current_codec(own: str) -> str:
    """Return the codec of the scope, or a layer's own where there is no scope."""
    return _SCOPE.get() or own


def jit_compiles() -> bool:
    """Return whether the scope asks for the graph codec to be compiled."""
    return _JIT_COMPILE.get()


def choose_codec(own: str, shape: tuple[int | None, ...], able: bool) -> str:
    """Return ``"pillow"`` or ``"graph"`` for a layer that is called or traced now.

    ``"auto"`` means Pillow, which is several times faster on a CPU, wherever Python can be called; so the graph where
    XLA compiles, where a SavedModel is traced, and where a GPU would have to wait for Python. Datasets run on the CPU
    and take Pillow even there.

    Args:
        own: The layer's codec.
        shape: Of its input.
        able: Whether the graph codec can do what the layer is set to.
    """
    codec = current_codec(own)
    if codec != "auto":
        return codec
    if not able or None in shape[1:3]:
        return "pillow"
    if not tf.executing_eagerly():
        if is_compiled() or _traced_by(_EXPORTS):
            return "graph"
        if _traced_by(_DATASETS):
            return "pillow"
    return "graph" if has_gpu() else "pillow"


def has_gpu() -> bool:
    """Return whether TensorFlow may use a GPU here."""
    return bool(tf.config.get_visible_devices("GPU"))


def _traced_by(modules: tuple[str, ...]) -> bool:
    """Return whether a function of one of some packages is on the stack; neither says so in another way."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_globals.get("__name__", "").startswith(modules):
            return True
    return False
