"""WebP in the graph: the lossy round trip in stock TensorFlow operations, pixel for pixel what Pillow gives.

An image's way, module by module: ``colour_in`` (RGB to Y, U, V), ``layout`` (macroblocks, wavefronts), ``analysis``
and ``segments`` (which quantiser where); for methods 0 to 2 ``encode`` (the wavefront) with ``distortion`` (the
decision of modes); for methods 3 and 4 ``encode_rd`` and ``epochs`` (the wavefront between refreshes of costs) with
``rd_whole``, ``rd_intra4``, ``rd_scores``, ``tokens`` and ``token_costs``; then ``loop_filter`` with ``edge_filter``,
and ``colour_out``. They stand on ``prediction``, ``intra4``, ``transform``, ``coding``, ``rounding`` and ``tables``.
"""

from tf_lowdef.webp.graph.codec import MAX_METHOD, always_exact, check_graph_method, roundtrip

__all__ = ["MAX_METHOD", "always_exact", "check_graph_method", "roundtrip"]
