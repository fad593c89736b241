"""Costs and statistics of tokens against libwebp's loops, written out."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.webp.graph import tables, token_costs, tokens
from tf_lowdef.webp.graph.epochs import epoch_schedule, epoch_starts
from tf_lowdef.webp.graph.layout import wavefront

ENTROPY, BANDS, CODES = tables.ENTROPY_COST, tables.BANDS, tables.LEVEL_CODES


def _bit(bit, probability):
    return int(ENTROPY[255 - probability] if bit else ENTROPY[probability])


def _level_cost(level, context, p):
    """cost_enc.c, VP8CalculateLevelCosts, and the fixed part."""
    cost = _bit(1, p[0]) if context else 0
    cost += _bit(level > 0, p[1])
    pattern, bits = CODES[min(level, 67) - 1] if level else (0, 0)
    slot = 2
    while pattern:
        if pattern & 1:
            cost += _bit(bits & 1, p[slot])
        pattern, bits, slot = pattern >> 1, bits >> 1, slot + 1
    return cost + int(tables.LEVEL_FIXED_COST[level])


def _block_cost(levels, kind, context, probabilities):
    """dsp/cost.c, GetResidualCost_C; levels in zigzag order."""
    first = token_costs.FIRST[kind]
    last = max((n for n in range(first, 16) if levels[n]), default=-1)
    p = probabilities[kind]
    if last < 0:
        return _bit(0, p[BANDS[first]][context][0])
    cost = 0 if context else _bit(1, p[BANDS[first]][0][0])
    for n in range(first, last + 1):
        cost += _level_cost(levels[n], context, p[BANDS[n]][context])
        context = min(levels[n], 2)
    return cost + (_bit(0, p[BANDS[last + 1]][context][0]) if last < 15 else 0)


def _record(levels, kind, context, counts):
    """token_enc.c, VP8RecordCoeffTokens, without the constant bits."""
    n = first = token_costs.FIRST[kind]
    last = max((k for k in range(first, 16) if levels[k]), default=-1)

    def event(band, ctx, slot, bit):
        counts[kind, band, ctx, slot] += (int(bit), 1)

    event(BANDS[n], context, 0, last >= 0)
    while last >= 0 and n < 16:
        level, band, here = levels[n], BANDS[n], context
        n += 1
        event(band, here, 1, level > 0)
        context = min(level, 2)
        if not level:
            continue
        event(band, here, 2, level > 1)
        if level > 1:
            event(band, here, 3, level > 4)
            if level <= 4:
                event(band, here, 4, level != 2)
                if level != 2:
                    event(band, here, 5, level == 4)
            else:
                event(band, here, 6, level > 10)
                if level <= 10:
                    event(band, here, 7, level > 6)
                else:
                    event(band, here, 8, level >= 35)
                    event(band, here, 9, level >= 67 if level >= 35 else level >= 19)
        if n == 16:
            return
        event(BANDS[n], context, 0, n <= last)
        if n > last:
            return


@pytest.fixture(scope="module")
def blocks():
    """Blocks of levels in zigzag order, their types and first contexts."""
    rng = np.random.default_rng(3)
    levels = rng.geometric(0.6, (3000, 16)) - 1
    levels *= rng.random((3000, 16)) < rng.random((3000, 1))
    levels[rng.random((3000, 16)) < 0.02] += rng.integers(10, 2000)
    levels[rng.random((3000, 16)) < 0.02] += rng.integers(3, 70)
    levels[np.arange(16) > rng.integers(-1, 16, (3000, 1))] = 0
    levels = np.minimum(levels, 2047)
    kinds = np.arange(3000) % 4
    levels[kinds == 0, 0] = 0
    return levels, kinds, rng.integers(0, 3, 3000)


def _keys(levels, kind, contexts):
    raster = np.zeros_like(levels)
    raster[:, tables.ZIGZAG] = levels
    kind = np.array(kind, np.int32)
    given = tf.constant(raster, tf.float32)
    found = tokens.tokenise(given, kind)
    np.testing.assert_array_equal(found.nonzero, levels.any(axis=1))
    return found.with_context(tf.constant(contexts, tf.float32), kind), given


def test_costs_and_counts(blocks):
    levels, kinds, contexts = blocks
    state = token_costs.initial(tf.constant(1))
    for kind in range(4):
        some, context = levels[kinds == kind], contexts[kinds == kind]
        keys, given = _keys(some, kind, context)
        total = tokens.costs(keys, given, state.table, tokens.offsets(tf.zeros(len(some), tf.int32)))
        expected = [
            _block_cost(block, kind, ctx, tables.COEFF_PROBA_DEFAULT) for block, ctx in zip(some, context, strict=True)
        ]
        np.testing.assert_array_equal(tokens.cost_of(total), expected)
        np.testing.assert_array_equal(tokens.count_of(total), (some[:, 1:] > 0).sum(axis=1))


def test_refresh(blocks):
    levels, kinds, contexts = blocks
    counts = np.zeros((4, 8, 3, 11, 2), np.int64)
    histogram = np.zeros(token_costs.SIZE, np.int64)
    for kind in range(4):
        some, context = levels[kinds == kind], contexts[kinds == kind]
        for block, ctx in zip(some, context, strict=True):
            _record(block, kind, ctx, counts)
        keys = _keys(some, kind, context)[0].numpy().astype(np.int64)
        histogram += np.bincount(keys.ravel(), minlength=token_costs.SIZE)
    probabilities = tables.COEFF_PROBA_DEFAULT.copy()
    for place in np.ndindex(4, 8, 3, 11):
        ones, events = (int(n) for n in counts[place])
        old, update = int(probabilities[place]), int(tables.COEFF_PROBA_UPDATE[place])
        new = 255 - ones * 255 // events if ones else 255
        old_cost = ones * _bit(1, old) + (events - ones) * _bit(0, old) + _bit(0, update)
        new_cost = ones * _bit(1, new) + (events - ones) * _bit(0, new) + _bit(1, update) + 8 * 256
        if old_cost > new_cost:
            probabilities[place] = new
    assert (probabilities != tables.COEFF_PROBA_DEFAULT).any()
    # The second image has seen nothing: its costs stay what they are.
    both = tf.constant(np.stack([histogram, np.zeros_like(histogram)]), tf.int32)
    state = token_costs.refresh(both, token_costs.initial(tf.constant(2)))
    for kind in range(4):
        some, context = levels[kinds == kind], contexts[kinds == kind]
        keys, given = _keys(some, kind, context)
        for image, tables_of_image in ((0, probabilities), (1, tables.COEFF_PROBA_DEFAULT)):
            offsets = tokens.offsets(tf.fill([len(some)], image))
            expected = [
                _block_cost(block, kind, ctx, tables_of_image) for block, ctx in zip(some, context, strict=True)
            ]
            total = tokens.costs(keys, given, state.table, offsets)
            np.testing.assert_array_equal(tokens.cost_of(total), expected)


def test_levels_keep_their_costs_where_all_probabilities_are_back_at_their_default(blocks):
    levels, kinds, contexts = blocks
    histogram = np.zeros(token_costs.SIZE, np.int64)
    for kind in range(4):
        keys = _keys(levels[kinds == kind], kind, contexts[kinds == kind])[0].numpy().astype(np.int64)
        histogram += np.bincount(keys.ravel(), minlength=token_costs.SIZE)
    first = token_costs.initial(tf.constant(1))
    adapted = token_costs.refresh(tf.constant(histogram[None], tf.int32), first)
    back = token_costs.refresh(tf.zeros([1, token_costs.SIZE], tf.int32), adapted)
    np.testing.assert_array_equal(back.levels, adapted.levels)
    assert not np.array_equal(back.table, adapted.table)
    assert not np.array_equal(back.table, first.table)


def test_epochs():
    assert epoch_starts(96) == [0]
    assert epoch_starts(196) == [0, 96, 193]
    assert epoch_starts(1024) == [0, *range(128, 1024, 129)]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 9), (9, 1), (14, 14), (7, 31), (31, 7)])
def test_schedules_keep_the_order_of_prediction(rows, columns):
    rd = epoch_schedule(rows, columns)
    starts = epoch_starts(rows * columns)
    for schedule, lanes in ((rd, rd.lanes), (wavefront(rows, columns, 2), wavefront(rows, columns, 2).lanes)):
        step = schedule.slot // lanes
        np.testing.assert_array_equal(schedule.source.ravel()[schedule.slot], np.arange(rows * columns))
        assert len(set(schedule.slot.tolist())) == rows * columns
        for y, x in np.ndindex(rows, columns):
            here = step[y * columns + x]
            for dy, dx in ((0, -1), (-1, -1), (-1, 0), (-1, 1)):
                if y + dy >= 0 and 0 <= x + dx < columns:
                    assert step[(y + dy) * columns + x + dx] < here
    fresh = np.flatnonzero(rd.fresh)
    assert len(fresh) == rd.epochs - 1 == len(starts) - 1
    epoch_of_step = np.cumsum(rd.fresh)
    for number, start in enumerate(starts):
        end = [*starts[1:], rows * columns][number]
        assert (epoch_of_step[rd.slot[start:end] // rd.lanes] == number).all()
