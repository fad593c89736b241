"""Nothing from outside commands the terminal, or ends a run because it is no text."""

from __future__ import annotations

import os
import signal
import warnings

import numpy as np
import pytest

from tf_lowdef.cli.main import one_line
from tf_lowdef.cli.terminal import interrupts, obey_signals, plain_warnings
from tf_lowdef.files import write_png
from tf_lowdef.text import printable

ODD = os.fsdecode(b"bad\xff\x1b[2J\xe2\x80\xae\n.png")


def test_printable():
    assert printable(ODD) == r"bad\udcff\x1b[2J\u202e\n.png"
    assert printable("ü ☃ 日本 a b") == "ü ☃ 日本 a b"
    assert one_line(ValueError(ODD)) == r"bad\udcff\x1b[2J\u202e .png"


def test_a_warning_is_one_line_of_words():
    with plain_warnings():
        shown = warnings.formatwarning(UserWarning("\x1b[2Jall\nis well"), UserWarning, "code.py", 3)
        other = warnings.formatwarning(DeprecationWarning("old"), DeprecationWarning, "code.py", 3)
    assert shown == "Warning: \\x1b[2Jall is well\n"
    assert other.startswith("code.py:3: DeprecationWarning: old")


@pytest.fixture
def signals():
    """Both signals as they are in a new process."""
    old = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in old.items():
        signal.signal(number, handler)
    obey_signals()  # forgets them


def test_sigterm_is_ctrl_c_and_who_handles_it_already_is_left_alone(signals):
    obey_signals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    obey_signals()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_comes_out_as_an_error_is_still_one(signals, run_cli, monkeypatch, number):
    def swallow(*_, **__):
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise ValueError("\x1b[1mFailed to convert\x1b[0m") from None

    monkeypatch.setattr("tf_lowdef.models.load_demo", swallow)
    monkeypatch.setattr("tf_lowdef.evaluation.evaluate", swallow)
    outcome = run_cli("evaluate", "--attack", "fgsm:1", "--defence", "none")
    assert (outcome.code, outcome.err) == (130, "Interrupted.\n")


def test_without_an_interrupt_an_error_is_what_it_is():
    obey_signals()
    with pytest.raises(ValueError, match="this"), interrupts():
        raise ValueError("this")
    assert one_line(ValueError("\x1b[1mFailed to convert\x1b[0m")) == "Failed to convert"


def test_an_unreadable_image_whose_name_is_no_text_ends_no_evaluation(run_cli, tmp_path):
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    keras.Model(inputs, keras.layers.Dense(2)(x)).save(tmp_path / "model.keras")
    rng = np.random.default_rng(0)
    for number in range(4):
        write_png(tmp_path / "data" / str(number % 2) / f"{number}.png", rng.integers(0, 256, (8, 8, 3), np.uint8))
    (tmp_path / "data" / "0" / ODD).write_bytes(b"broken")
    arguments = ["--model", tmp_path / "model.keras", "--data", tmp_path / "data", "--out", tmp_path / "run"]
    outcome = run_cli("evaluate", *arguments, "--attack", "fgsm:1", "--defence", "none")
    assert outcome.code == 0, outcome.err
    assert r"bad\udcff\x1b[2J\u202e\n.png" in "".join(outcome.out.split())
    assert "fgsm:1" in outcome.out
    assert not {character for character in outcome.out + outcome.err if not character.isprintable()} - {"\n"}
