import numpy as np
import pytest

from tf_lowdef.attacks import AttackResult
from tf_lowdef.bounds import Bound
from tf_lowdef.evaluation.judging.outcomes import Made, Outcome, made_for, observe, worst_of

CLEAN = np.zeros((3, 16, 16, 3), np.uint8)
LABELS = np.array([0, 1, 2])


def result(**changes):
    zeros, flags = np.zeros(3, np.float32), np.zeros(3, bool)
    ints = np.zeros(3, np.int64)
    values = {"images": CLEAN, "success": flags, "predictions": LABELS, "clean_predictions": LABELS, "l2": zeros}
    values |= {"linf": zeros, "steps": ints, "queries": ints, "zero_gradient": flags}
    return AttackResult(**{**values, **changes})


def made(**changes):
    found = Made(5, {"epsilon": 4}, True)
    found.put(np.array([1, 2, 4]), observe(CLEAN, result(**changes), LABELS), 0.5)
    return found


def test_results_go_where_their_images_are():
    found = made(linf=np.array([1, 2, 3]), clean_predictions=np.array([0, 0, 2]))
    assert found.tried.tolist() == [False, True, True, False, True]
    assert found.attackable.tolist() == [False, True, False, False, True]
    assert found.linf.tolist() == [np.inf, 1, 2, np.inf, 3]
    columns = found.columns()
    assert (columns["attacked"], columns["left_out"], columns["linf_max"]) == (2, 1, 3)
    assert columns["median_minimal_l2"] is None


def test_a_tiny_loss_that_grows_has_moved():
    found = made(loss_start=np.array([0, 1e-9, 2.0]), loss_end=np.array([0, 3e-9, 2.0]))
    assert found.still.tolist() == [False, True, False, False, True]
    assert not made().still.any()


def test_only_examples_within_epsilon_count_by_their_rounded_norm():
    clean = Outcome.empty("oblivious", "none", "flip", None, 5)
    clean.put(np.arange(5), np.ones(5), np.ones(5))
    attacked = Outcome.empty("adaptive", "deepfool", "flip", made(linf=np.array([1, 9, 4])), 5)
    attacked.put(np.arange(5), np.zeros(5), np.zeros(5))
    assert worst_of([clean, attacked], Bound("Linf", 4))[0].tolist() == [1, 0, 1, 1, 0]
    assert worst_of([clean, attacked], Bound("Linf", 1))[0].tolist() == [1, 0, 1, 1, 1]


def test_within_l2_the_l2_norm_counts_alone():
    clean = Outcome.empty("oblivious", "none", "flip", None, 5)
    clean.put(np.arange(5), np.ones(5), np.ones(5))
    attacked = Outcome.empty("adaptive", "bim:4", "flip", made(linf=np.ones(3), l2=np.array([0.4, 0.5, 0.6])), 5)
    attacked.put(np.arange(5), np.zeros(5), np.zeros(5))
    attacked.tried[:] = [False, True, True, True, False]
    assert worst_of([clean, attacked], Bound("L2", 0.5))[0].tolist().count(0) == 2
    assert worst_of([clean, attacked], Bound("L2", 0.3))[0].all()
    attacked.made.setting.update(epsilon=0.5, norm="L2")
    assert made_for([attacked], Bound("L2", 0.5)) == [attacked]
    assert made_for([attacked], Bound("Linf", 0.5)) == []


def test_the_worst_example_is_chosen_by_other_draws_than_it_is_counted_by():
    clean = Outcome.empty("oblivious", "none", "noise:8", None, 5)
    clean.put(np.arange(5), np.full(5, 0.9), np.full(5, 0.9))
    attacked = Outcome.empty("adaptive", "pgd:4", "noise:8", made(), 5)
    attacked.put(np.arange(5), np.array([0.1, 0.1, 0.5, 0.1, 0.1]), np.array([0.2, 0.95, 0.4, 0.2, 0.2]))
    shares, chosen_by = worst_of([clean, attacked], Bound("Linf", 4))
    assert shares == pytest.approx([0.9, 0.9, 0.5, 0.9, 0.1])
    assert chosen_by == pytest.approx([0.9, 0.9, 0.4, 0.9, 0.2])
