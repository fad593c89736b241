"""WebP in the graph: the lossy round trip in stock TensorFlow operations, pixel for pixel what Pillow gives.

An image's way, module by module: ``colour_in`` (RGB to Y, U, V), ``layout`` (macroblocks, wavefronts), ``analysis``
and ``segments`` (which quantiser where), ``encode`` (the wavefront; mode decisions in ``distortion`` for methods 0 to
2), ``loop_filter`` with ``edge_filter``, ``colour_out``. They stand on ``prediction``, ``intra4``, ``transform``,
``coding``, ``rounding`` and ``tables``.
"""

from tf_lowdef.webp.graph.codec import MAX_METHOD, check_graph_method, roundtrip

__all__ = ["MAX_METHOD", "check_graph_method", "roundtrip"]
