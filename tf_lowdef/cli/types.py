"""Kinds of arguments that are checked before TensorFlow is imported, which takes seconds."""

from __future__ import annotations

import difflib
import math
from pathlib import Path
from typing import Any

import click

from tf_lowdef.application_table import APPLICATIONS, parse_application

TFDS = "tfds:"
PREPROCESSING = ("caffe", "torch", "tf")
"""What ``preprocess_input`` of ``keras.applications`` does where it is no range, by Keras' names."""
WORDS = ("imagenet", "none")
"""Weights that are no file."""


class ModelName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """A classifier of ``keras.applications``, or the file or folder of a saved model."""

    name = "NAME|FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it is; a usage error where there is neither such a classifier nor such a file."""
        name = str(value).partition(":")[0]
        if Path(value).exists():
            return value
        if name in APPLICATIONS:
            try:
                parse_application(value)
            except ValueError as error:
                self.fail(str(error), param, ctx)
            return value
        if Path(value).suffix or len(Path(value).parts) > 1:
            return self.fail(f"{value!r}: no such file.", param, ctx)
        close = difflib.get_close_matches(name, APPLICATIONS, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]}?" if close else ""
        return self.fail(f"{value!r} is no classifier of keras.applications, and no file.{hint}", param, ctx)


class WeightsName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """``imagenet``, ``none``, or a file of weights."""

    name = "FILE|imagenet|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it is; a usage error where there is no such file."""
        if value not in WORDS and not Path(value).is_file():
            self.fail(f"{value!r}: no such file, nor one of {', '.join(WORDS)}.", param, ctx)
        return value


class DataName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """A CSV, a folder, or a split of TensorFlow Datasets."""

    name = "CSV|DIR|tfds:NAME/SPLIT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it is; a usage error where there is no such file or folder."""
        if not str(value).startswith(TFDS) and not Path(value).exists():
            self.fail(f"{value!r}: no such file or folder.", param, ctx)
        return value


class LabelsName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """``auto``, ``none``, or a file of class names."""

    name = "auto|none|FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it is; a usage error where there is no such file."""
        if value not in ("auto", "none") and not Path(value).is_file():
            self.fail(f"{value!r}: no such file, nor one of auto, none.", param, ctx)
        return value


class InputRangeName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """Two numbers with a comma, or one of Keras' names of preprocessing."""

    name = "LOW,HIGH|caffe|torch|tf"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it is; a usage error where it is neither."""
        text = str(value).strip().lower()
        if text in PREPROCESSING:
            return text
        try:
            low, high = (float(part) for part in text.strip("()[]").split(","))
        except ValueError:
            low = high = math.nan
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            names = ", ".join(PREPROCESSING)
            self.fail(f"{value!r}: expected the values of black and full, such as 0,1 or -1,1, or {names}.", param, ctx)
        return low, high


class RunFolder(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """The folder of a run, or its URL."""

    name = "RUN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it is; a usage error where there is no such folder. A URL is asked when it is opened."""
        if "://" not in str(value) and not Path(value).is_dir():
            what = "is a file, not a run's folder" if Path(value).exists() else "no such folder"
            self.fail(f"{value}: {what}.", param, ctx)
        return value
