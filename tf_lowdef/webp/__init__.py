"""The WebP round trip of pixel arrays: encode, decode, look at what is left. Knows no Keras."""

from tf_lowdef.webp.pillow import decode, encode, libwebp_version, roundtrip

__all__ = ["decode", "encode", "libwebp_version", "roundtrip"]
