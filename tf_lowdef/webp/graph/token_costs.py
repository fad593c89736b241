"""Bit costs of coefficients, and the statistics that change them on the way (methods 3 and 4).

A block's levels become 16 tokens, one a position in zigzag order: 0 is "no more", v + 1 is the level v, up to 67, from
where costs differ by fixed bits only. A token's key, ((type * 16 + position) * 3 + context) * 69 + token, is its place
in one table of costs and, counted, in one histogram. So a block's cost is one gather and one sum, without a mask for
its end: after the end the context is 0, and "no more" in context 0 costs nothing, but at the first position.

Source: libwebp src/enc/cost_enc.c (VP8CalculateLevelCosts), src/dsp/cost.c (GetResidualCost), src/enc/frame_enc.c
(FinalizeTokenProbas), src/enc/token_enc.c (VP8RecordCoeffTokens), RFC 6386 section 13.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import tables
from tf_lowdef.webp.graph.rounding import multiply_wide
from tf_lowdef.webp.graph.tables import Floats, Ints

TYPES, POSITIONS, BANDS, CONTEXTS, SLOTS = 4, 16, 8, 3, 11
MAX_VARIABLE_LEVEL = 67
TOKENS = MAX_VARIABLE_LEVEL + 2
SIZE = TYPES * POSITIONS * CONTEXTS * TOKENS
FIRST = (1, 0, 0, 0)
"""First position of each type: luma without DC, luma DC, chroma, luma with DC."""
BEYOND = 2048
"""The table of costs begins with what a level costs more than the highest token, for every level there is."""
COUNT_SHIFT = 22
"""Above a cost's bits an entry counts 1 for a nonzero AC level. A block costs at most 16 * 25,000 < 2**22."""
_BIT_8 = 8 * 256


@dataclass(frozen=True)
class State:
    """What adapts, of each image.

    Attributes:
        levels: float32, shape (batch, 4, 8, 3, 68), costs of levels: by type, band, context.
        table: int32, shape (BEYOND + batch * SIZE,), costs of levels beyond tokens, then of tokens by key.
    """

    levels: tf.Tensor
    table: tf.Tensor


def bit_costs() -> tuple[Ints, Ints]:
    """Return the cost of a 0 and of a 1 by probability, shape (256,) each, in 1/256 bit."""
    return tables.ENTROPY_COST, tables.ENTROPY_COST[::-1]


@lru_cache(maxsize=1)
def _level_weights() -> Floats:
    """Return what bits each level takes: (22, 68), zeros then ones of slots 1 to 10 (slot 0 is added by context)."""
    weights = np.zeros((2, SLOTS, MAX_VARIABLE_LEVEL + 1), np.float32)
    weights[0, 1, 0] = 1
    for level in range(1, MAX_VARIABLE_LEVEL + 1):
        weights[1, 1, level] = 1
        pattern, bits = tables.LEVEL_CODES[level - 1]
        for slot in range(2, SLOTS):
            if pattern >> (slot - 2) & 1:
                weights[bits >> (slot - 2) & 1, slot, level] += 1
    return weights.reshape(2 * SLOTS, -1)


@lru_cache(maxsize=1)
def _event_weights() -> Floats:
    """Return what a token records: (69, 22), the ones of slots 0 to 10, then the events.

    Levels from 11 on record both splits of their category in slot 9, slot 10 never (token_enc.c).
    """
    ones, events = np.zeros((TOKENS, SLOTS), np.float32), np.zeros((TOKENS, SLOTS), np.float32)
    events[0, 0] = 1
    for level in range(MAX_VARIABLE_LEVEL + 1):
        chain = [(0, True), (1, level > 0)]
        if level > 0:
            chain.append((2, level > 1))
        if level > 1:
            chain.append((3, level > 4))
        if 1 < level <= 4:
            chain.append((4, level != 2))
            if level > 2:
                chain.append((5, level == 4))
        if level > 4:
            chain.append((6, level > 10))
        if 4 < level <= 10:
            chain.append((7, level > 6))
        if level > 10:
            chain += [(8, level >= 35), (9, level >= 67 if level >= 35 else level >= 19)]
        for slot, bit in chain:
            events[level + 1, slot] += 1
            ones[level + 1, slot] += bit
    return np.concatenate([ones, events], axis=1)


@lru_cache(maxsize=1)
def _masks() -> tuple[Floats, Floats]:
    """Return by (type, position, context): whether the position is used, whether it codes "is there more"."""
    used = np.ones((TYPES, POSITIONS, CONTEXTS), np.float32)
    more = np.ones((TYPES, POSITIONS, CONTEXTS), np.float32)
    more[:, :, 0] = 0
    for kind, first in enumerate(FIRST):
        used[kind, :first] = more[kind, :first] = 0
        more[kind, first] = 1
    return used, more


def initial(batch: tf.Tensor) -> State:
    """Return the state before the first refresh, of the default probabilities (RFC 6386 section 13.5)."""
    probabilities = tf.broadcast_to(tables.COEFF_PROBA_DEFAULT, [batch, TYPES, BANDS, CONTEXTS, SLOTS])
    levels = _level_costs(probabilities)
    return State(levels, _table(probabilities, levels))


def _level_costs(probabilities: tf.Tensor) -> tf.Tensor:
    """Return the cost of each level by band and context (VP8CalculateLevelCosts)."""
    zero, one = (tf.cast(tf.gather(np.ascontiguousarray(cost), probabilities), tf.float32) for cost in bit_costs())
    levels = multiply_wide(tf.concat([zero, one], axis=-1), _level_weights())  # costs have up to 11 bits
    return tf.cast(levels, tf.float32) + one[..., :1] * np.array([0, 1, 1], np.float32)[:, None]


def _table(probabilities: tf.Tensor, levels: tf.Tensor) -> tf.Tensor:
    """Return the ``table`` of :class:`State`."""
    bands = tables.BANDS[:POSITIONS]
    used, more = _masks()
    zero, one = (
        tf.cast(tf.gather(np.ascontiguousarray(cost), tf.gather(probabilities[..., :1], bands, axis=2)), tf.float32)
        for cost in bit_costs()
    )
    fixed = tables.LEVEL_FIXED_COST[: MAX_VARIABLE_LEVEL + 1].astype(np.float32)
    counted = np.zeros((POSITIONS, 1, MAX_VARIABLE_LEVEL + 1), np.float32)
    counted[1:, :, 1:] = 1 << COUNT_SHIFT
    # In context 0 the bit "there is more" is not in the level's cost; it is coded at the first position only.
    started = more * np.array([1, 0, 0], np.float32)
    costs = tf.gather(levels, bands, axis=2) + fixed + counted + one * started[..., None]
    table = tf.concat([zero * more[..., None], costs], axis=-1) * used[..., None]
    level_costs = tables.LEVEL_FIXED_COST
    beyond = np.where(np.arange(BEYOND) > MAX_VARIABLE_LEVEL, level_costs - level_costs[MAX_VARIABLE_LEVEL], 0)
    return tf.concat([beyond.astype(np.int32), tf.reshape(tf.cast(table, tf.int32), [-1])], axis=0)


def refresh(histogram: tf.Tensor, state: State) -> State:
    """Return the state after libwebp's refresh (FinalizeTokenProbas, VP8CalculateLevelCosts).

    Where every probability is back at its default, libwebp does not compute the costs of levels anew, though the other
    costs do follow the probabilities.

    Args:
        histogram: int32, shape (batch, SIZE), the keys of all tokens so far.
        state: The state so far.
    """
    ones, events = tf.split(_events(histogram), 2, axis=-1)
    new = tf.where(ones > 0, 255 - ones * 255 // tf.maximum(events, 1), 255)
    old, update = tables.COEFF_PROBA_DEFAULT, tables.COEFF_PROBA_UPDATE
    zero_cost, one_cost = (np.ascontiguousarray(cost) for cost in bit_costs())
    zeros = events - ones
    old_cost = ones * one_cost[old] + zeros * zero_cost[old] + zero_cost[update]
    new_cost = ones * tf.gather(one_cost, new) + zeros * tf.gather(zero_cost, new) + (one_cost[update] + _BIT_8)
    probabilities = tf.where(old_cost > new_cost, new, old)
    changed = tf.reduce_any(tf.not_equal(probabilities, old), axis=[1, 2, 3, 4], keepdims=True)
    levels = tf.where(changed, _level_costs(probabilities), state.levels)
    return State(levels, _table(probabilities, levels))


def _events(histogram: tf.Tensor) -> tf.Tensor:
    """Return ones and events by (batch, type, band, context, 22), int32; counts have any number of bits."""
    used, more = _masks()
    counts = tf.reshape(tf.cast(histogram, tf.float64), [-1, TYPES, POSITIONS, CONTEXTS, TOKENS])
    events = multiply_wide(counts, _event_weights())
    slots = np.broadcast_to(used[..., None], (*used.shape, 2 * SLOTS)).copy()
    slots[..., 0] = slots[..., SLOTS] = more
    events = events * slots
    to_band = tables.BANDS[:POSITIONS, None] == np.arange(BANDS)
    by_band = multiply_wide(tf.transpose(events, [0, 1, 3, 4, 2]), to_band)
    return tf.cast(tf.transpose(by_band, [0, 1, 4, 2, 3]), tf.int32)
