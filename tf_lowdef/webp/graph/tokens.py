"""From levels to tokens, keys and costs; see ``token_costs``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import tables, token_costs
from tf_lowdef.webp.graph.rounding import flatten, multiply, unflatten
from tf_lowdef.webp.graph.tables import Floats, Ints
from tf_lowdef.webp.graph.token_costs import CONTEXTS, FIRST, MAX_VARIABLE_LEVEL, POSITIONS, TOKENS


@dataclass(frozen=True)
class Tokens:
    """Blocks as tokens, before their first context is known.

    Attributes:
        keys: float32, shape (..., 16), with 0 for the first context.
        nonzero: float32, shape (...,), 1 where a block has a level that is not 0.
    """

    keys: tf.Tensor
    nonzero: tf.Tensor

    def with_context(self, context: tf.Tensor, types: Ints) -> tf.Tensor:
        """Return the keys, float32, shape (..., 16).

        Args:
            context: float32, shape (...,), 0 to 2: how many of the two neighbours are not all zero.
            types: int32, of the last axes of `context`: the blocks' types.
        """
        weight = np.zeros((*types.shape, POSITIONS), np.float32)
        np.put_along_axis(weight, np.array(FIRST)[types][..., None], TOKENS, axis=-1)
        return self.keys + context[..., None] * weight


@lru_cache(maxsize=1)
def _matrices() -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return (matrix, bias), (matrix, bias) and a matrix.

    The first gives level + 1 at each position, then the level before; the second 128 times the sum of all levels from
    there on, then 2. Their minimum is the token, then the context; the third adds them up to keys.
    """
    first, first_bias = np.zeros((16, 32)), np.repeat([1, 0], 16)
    second, second_bias = np.zeros((16, 32)), np.repeat([0, 2], 16)
    third = np.concatenate([np.eye(16), TOKENS * np.eye(16)])
    for position, place in enumerate(tables.ZIGZAG):
        first[place, position] = 1
        if position < 15:
            first[place, 16 + position + 1] = 1
        second[place, : position + 1] = 128
    arrays = (first, first_bias, second, second_bias, third)
    return tuple(a.astype(np.float32) for a in arrays)  # type: ignore[return-value]


def tokenise(levels: tf.Tensor, types: Ints) -> Tokens:
    """Turn levels into tokens.

    Args:
        levels: float32, shape (..., 16), without sign.
        types: int32, of the last axes before the 16: the blocks' types.
    """
    first, first_bias, second, second_bias, third = _matrices()
    # Levels up to 67 by 1 or 128, then tokens up to 68 by 1 or 69: at most 7 bits each.
    capped = tf.minimum(flatten(levels), float(MAX_VARIABLE_LEVEL))
    parts = tf.minimum(multiply(capped, first, first_bias), multiply(capped, second, second_bias))
    parts = unflatten(parts, levels)
    base = ((types[..., None] * POSITIONS + np.arange(POSITIONS)) * CONTEXTS * TOKENS).astype(np.float32)
    # The first token of type 0, which has no DC, ends a block too: the sum from there on is that from 1 on.
    return Tokens(multiply(parts, third) + base, tf.minimum(parts[..., 0], 1.0))


def costs(keys: tf.Tensor, levels: tf.Tensor, table: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """Return what blocks cost, with how many nonzero AC levels they have in the bits above; see `cost_of`, `count_of`.

    Args:
        keys: float32, shape (n, ..., 16).
        levels: float32, shape (n, ..., 16), without sign.
        table: int32, of ``token_costs.State``.
        offset: int32, shape (n, 32), of :func:`offsets`.

    Returns:
        int32, shape (n, ...).
    """
    offset = tf.reshape(offset, [-1, *[1] * (keys.shape.rank - 2), 32])
    index = tf.cast(tf.concat([levels, keys], axis=-1), tf.int32) + offset
    return tf.reduce_sum(tf.gather(table, index), axis=-1)


def cost_of(total: tf.Tensor) -> tf.Tensor:
    """Return the cost part of :func:`costs`, float32, in 1/256 bit."""
    return tf.cast(tf.bitwise.bitwise_and(total, (1 << token_costs.COUNT_SHIFT) - 1), tf.float32)


def count_of(total: tf.Tensor) -> tf.Tensor:
    """Return the count part of :func:`costs`, float32."""
    return tf.cast(tf.bitwise.right_shift(total, token_costs.COUNT_SHIFT), tf.float32)


def offsets(image: tf.Tensor) -> tf.Tensor:
    """Return what to add to levels (16, nothing) and keys (16) of blocks of an image to find their costs.

    Args:
        image: int32, shape (n,), which part of the table is a block's.

    Returns:
        int32, shape (n, 32).
    """
    part = np.repeat(np.array([0, 1], np.int32), 16)
    return (token_costs.BEYOND + image * token_costs.SIZE)[:, None] * part
