"""Text from outside is shown as it is and obeyed by nothing."""

import csv
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_lowdef.files import csv_text, open_text, read_cell
from tf_lowdef.text import markdown_prose, markdown_text, printable, unread_images

NAMES = ["=cmd|'/C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "''=1", "'tis", "plain", 'a,b"c']


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n# Forged", r"a\\n# Forged"),
        ("![x](http://there/x.png)", r"\!\[x\](http://there/x.png)"),
        ("<script>1</script>", r"\<script>1\</script>"),
        ("p < .05 and a_b", "p < .05 and a_b"),
        ("`a` | b & c", r"\`a\` | b \& c"),
        ("\x1b[31mred", r"\\x1b\[31mred"),
    ],
)
def test_markdown_says_just_this(text, shown):
    assert markdown_text(text) == shown


def test_code_in_a_sentence_stays_code():
    assert markdown_prose("`webp:60+flip` holds [1]") == r"`webp:60+flip` holds \[1\]"
    assert markdown_prose("`a\n# b` holds") == r"`a\n# b` holds"


@given(st.text())
def test_what_is_printed_is_one_line_that_no_terminal_obeys(text):
    assert printable(text).isprintable()


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_is_a_formula_and_each_is_read_back(name):
    ((cell, number),) = csv.reader(io.StringIO(csv_text([[name, -1.5]])))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert read_cell(cell) == name
    assert number == "-1.5"


@given(st.text(alphabet="'=+-@a\t"))
def test_cells_are_read_back_whatever_they_begin_with(text):
    ((cell,),) = csv.reader(io.StringIO(csv_text([[text]]))) if text else (("",),)
    assert read_cell(cell) == text


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ValueError, match="is no regular file"):
            open_text(path)
    with pytest.raises(FileNotFoundError):
        open_text(tmp_path / "nothing")


def test_one_image_is_no_images():
    assert unread_images(1) == "1 image could not be read and was skipped"
    assert unread_images(2, "left out") == "2 images could not be read and were left out"
