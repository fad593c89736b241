"""What an evaluation gives: rows, what was run, and the folder that holds both. Needs no TensorFlow."""

from tf_lowdef.results.results import Comparison, Results, Row

__all__ = ["Comparison", "Results", "Row"]
