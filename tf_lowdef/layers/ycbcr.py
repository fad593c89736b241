"""Luma and chroma as linear maps of red, green and blue."""

from __future__ import annotations

YCBCR = ((0.299, -0.168736, 0.5), (0.587, -0.331264, -0.418688), (0.114, 0.5, -0.081312))
"""From RGB to luma and chroma (ITU-R BT.601, full range, as in JPEG; T.871 section 7), one column each."""
RGB = ((1.0, 1.0, 1.0), (0.0, -0.344136, 1.772), (1.402, -0.714136, 0.0))
"""The way back (T.871 section 7)."""
