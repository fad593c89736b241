"""Folders in, folders out: the flip and webp tools. No TensorFlow."""

from tf_lowdef.folders.encode import WebPSettings
from tf_lowdef.folders.flip import FlipSettings, flip_path
from tf_lowdef.folders.plan import ArgumentError
from tf_lowdef.folders.replace import replace_folder
from tf_lowdef.folders.run import Summary
from tf_lowdef.folders.webp import webp_path

__all__ = ["ArgumentError", "FlipSettings", "Summary", "WebPSettings", "flip_path", "replace_folder", "webp_path"]
