"""What a graph is being traced for."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.python.ops import control_flow_util  # there is no public way to ask


def is_compiled() -> bool:
    """Return whether the graph that is being built is for XLA; False in eager mode."""
    if tf.executing_eagerly():
        return False
    inside: bool = control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
    return inside
