"""What arguments may be, and how a refusal reads."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tf_lowdef.validation import (
    check_choice,
    check_epsilon,
    check_flag,
    check_integer,
    check_label_range,
    check_number,
    check_targets,
)

REFUSED = {
    "too small": (check_integer, (0, 1), "an integer of at least 1. Received: argument=0"),
    "too great": (check_integer, (8, 1, 7), "an integer from 1 to 7. Received: argument=8"),
    "not whole": (check_integer, (2.0, 1), "an integer of at least 1. Received: argument=2.0"),
    "True is no integer": (check_integer, (True, 0), "Received: argument=True"),
    "a word": (check_integer, ("3", 0), "Received: argument='3'"),
    "below": (check_number, (-0.1, 0, 1), "a number from 0 to 1. Received: argument=-0.1"),
    "the excluded end": (check_number, (0, 0, 1, True), "a number above 0 and at most 1. Received: argument=0"),
    "infinite": (check_number, (math.inf, 0), "a finite number of at least 0. Received: argument=inf"),
    "the excluded end, open": (check_number, (0, 0, math.inf, True), "a finite number above 0. Received: argument=0"),
    "nan": (check_number, (math.nan, 0, 1), "Received: argument=nan"),
    "False is no number": (check_number, (False, 0, 1), "Received: argument=False"),
    "an array": (check_number, (np.zeros(2), 0, 1), "Received: argument=array"),
    "no flag": (check_flag, (1,), "True or False. Received: argument=1"),
    "no choice": (check_choice, ("c", ("a", "b")), "one of a, b. Received: argument='c'"),
    "an unhashable choice": (check_choice, (["a"], {"a": 1}), r"one of a. Received: argument=\['a'\]"),
    "a label": (check_label_range, (np.array([0, 3]), 3), r"lie in 0\.\.2, the model has 3 outputs. Received: label 3"),
    "a target": (check_targets, ([1, 0], np.array([0, 0])), "differ from the true labels. Received: 0 for image 1"),
}


@pytest.mark.parametrize(("check", "arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_the_argument_and_what_was_received(check, arguments, message):
    with pytest.raises(ValueError, match=f"^`argument` must .*{message}"):
        check("argument", *arguments)


def test_what_is_accepted_comes_back_as_a_plain_number():
    assert type(check_integer("n", np.int64(3), 1)) is int
    assert type(check_number("x", np.float32(0.5), 0)) is float
    assert type(check_number("x", 1, 0, 1)) is float
    assert check_flag("f", False) is False
    assert check_choice("c", "b", {"a": 1, "b": 2}) == "b"


def test_an_epsilon_that_is_meant_in_0_1():
    with pytest.raises(
        ValueError, match="in grey levels of 255, and less than one changes no pixel. .* 7.65 grey levels"
    ):
        check_epsilon("epsilon", 0.03)
    assert [check_epsilon("epsilon", value) for value in (0, 0.5, 255)] == [0, 0.5, 255]
