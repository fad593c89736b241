"""Options that several commands share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tf_lowdef.cli.types import DataName, InputRangeName, ModelName, WeightsName
from tf_lowdef.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from tf_lowdef.jobs import RemoteFolder
    from tf_lowdef.jobs.ray import RayOptions

F = TypeVar("F", bound=Callable[..., Any])

JSON, QUIET = "json", "quiet"

LOCAL = "local"
"""The address that means this machine, as to Ray itself."""

DATA = "CSV|DIR|tfds:NAME/SPLIT"
"""What data may be, in a command's help."""

out_option = click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False),
    help="Folder of the run, a path or a URL such as s3://bucket/run.  [default: runs/DATE-TIME]",
)

seed_option = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="For all chance.")

restart_option = click.option(
    "--restart", is_flag=True, help="Move a run that is in the folder already aside (NAME.1, NAME.2 ...)."
)


def output_options(command: F) -> F:
    """Give a command ``--json`` and ``--quiet``: its argument `output` is one of them, or None for tables."""
    as_json = "Print the rows on standard output as JSON, and nothing else there."
    silent = "Print nothing but warnings and errors; the run's folder holds the rest."
    command = click.option("--json", "output", flag_value=JSON, help=as_json)(command)
    return click.option("--quiet", "output", flag_value=QUIET, help=silent)(command)


def data_option(help_: str, metavar: str = DATA) -> Callable[[F], F]:
    """Return what adds ``--data``."""
    return click.option("--data", type=DataName(), metavar=metavar, help=help_)


def limit_option(least: int = 1) -> Callable[[F], F]:
    """Return what adds ``--limit``, of `least` images or more."""
    help_ = "Use at most this many images, drawn by the seed."
    return click.option("--limit", type=click.IntRange(min=least), help=help_)


def batch_size_option(what: str = "Images at a time.", default: int = 32) -> Callable[[F], F]:
    """Return what adds ``--batch-size``."""
    return click.option("--batch-size", type=click.IntRange(min=1), default=default, show_default=True, help=what)


targeted_option = click.option(
    "--targeted", is_flag=True, help="Aim at a wrong class, drawn for each image, as targeted=true in every --attack."
)


@contextmanager
def wrong_arguments() -> Iterator[None]:
    """Turn a ValueError from what is made of arguments into a usage error."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def check_specs(attacks: Sequence[str], defences: Sequence[str] = ()) -> None:
    """Raise a usage error where an attack or a defence cannot be made: a value is out of its range."""
    from tf_lowdef.attacks import parse_attack
    from tf_lowdef.defences import make_defence

    with wrong_arguments():
        for attack in attacks:
            if attack != "none":
                parse_attack(attack)
        for defence in defences:
            make_defence(defence)


def aim(attacks: Sequence[str]) -> list[str]:
    """Return the specifications of the same attacks as targeted ones.

    Raises:
        click.UsageError: One of them is wrong, or cannot be targeted.
    """
    from tf_lowdef.attacks import parse_attack
    from tf_lowdef.attacks.spec import ATTACKS

    found = []
    for spec in attacks:
        with wrong_arguments():
            attack = parse_attack(spec)
        if not hasattr(attack, "targeted"):
            able = ", ".join(name for name, method in ATTACKS.items() if hasattr(method, "targeted"))
            raise click.UsageError(f"--targeted needs attacks that can aim at a class ({able}). Received: {spec}")
        found.append(dataclasses.replace(attack, targeted=True).spec)  # type: ignore[type-var]  # a dataclass
    return found


def ray_options(gpus: bool = True) -> Callable[[F], F]:
    """Return what adds ``--ray``, ``--workers`` and, with a model, ``--gpus-per-worker`` and ``--cpus-per-worker``."""

    def add(function: F) -> F:
        if gpus:
            function = click.option(
                "--cpus-per-worker",
                type=click.IntRange(min=1),
                metavar="N",
                help="Cores, and TensorFlow's threads, of each of Ray's workers.  [default: 1]",
            )(function)
            function = click.option(
                "--gpus-per-worker",
                type=click.FloatRange(min=0),
                metavar="X",
                help="GPUs of each of Ray's workers.  [default: 0]",
            )(function)
        function = click.option(
            "--workers", type=click.IntRange(min=1), metavar="N", help="Ray's workers.  [default: as many as fit]"
        )(function)
        return click.option(
            "--ray",
            is_flag=False,
            flag_value=LOCAL,
            metavar="[ADDRESS]",
            help="Let Ray's workers do it, on the cluster at ADDRESS; without one, on this machine.",
        )(function)

    return add


def pop_ray_options(options: dict[str, Any]) -> RayOptions | None:
    """Take what `ray_options` has added out of a command's options and read it; see `read_ray_options`."""
    return read_ray_options(*(options.pop(name) for name in ("ray", "workers", "gpus_per_worker", "cpus_per_worker")))


def read_ray_options(
    ray: str | None, workers: int | None, gpus_per_worker: float | None = None, cpus_per_worker: int | None = None
) -> RayOptions | None:
    """Return what the options of `ray_options` mean, None without ``--ray``.

    Raises:
        click.UsageError: The others are given without ``--ray``.
        ModuleNotFoundError: Ray is not installed.
    """
    if ray is None:
        if any(value is not None for value in (workers, gpus_per_worker, cpus_per_worker)):
            raise click.UsageError("--workers, --gpus-per-worker and --cpus-per-worker need --ray.")
        return None
    from tf_lowdef.jobs.ray import RayOptions, check_installed

    check_installed()
    return RayOptions(None if ray == LOCAL else ray, workers, gpus_per_worker or 0, cpus_per_worker or 1)


range_option = click.option(
    "--input-range",
    type=InputRangeName(),
    metavar="LOW,HIGH|caffe|torch|tf",
    help="What the model takes pixels as: the values of black and full, such as 0,1, or Keras' name of its "
    "preprocessing.  [default: 0,255]",
)

outputs_option = click.option(
    "--outputs",
    type=click.Choice(["softmax", "logits", "sigmoid"]),
    help="What the model gives.  [default: found out]",
)

names_option = click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="The names of the classes in the order of the model's outputs, one a line; or JSON.  [default: class folders "
    "in alphabetical order]",
)


def model_options(function: F) -> F:
    """Add ``--model``, ``--weights``, ``--input-range`` and ``--outputs``."""
    function = outputs_option(range_option(function))
    function = click.option(
        "--weights",
        type=WeightsName(),
        metavar="FILE|imagenet|none",
        help="A .weights.h5, .h5 or .keras file, 'imagenet' (downloaded by Keras) or 'none'.  [default: imagenet]",
    )(function)
    return click.option(
        "--model",
        type=ModelName(),
        metavar="NAME|FILE",
        help="A classifier of keras.applications, such as MobileNetV2 or MobileNet:alpha=0.75,size=192, or anybody's "
        "model: a .keras or .h5 file, or the folder of a SavedModel. Default: the embedded classifier.",
    )(function)


@dataclass(frozen=True)
class Named:
    """The classifier and the images that a command's options name; the embedded ones where they name none."""

    model: str | None
    weights: str | None
    input_range: Any
    outputs: str | None
    data: str | None
    labels: str | None

    def check(self) -> None:
        """Raise a usage error where model, weights and data do not go together."""
        if self.model is None and self.data is not None:
            raise click.UsageError("--data needs --model: the embedded classifier knows only its own classes.")
        if self.model is not None and self.data is None:
            raise click.UsageError("--model needs --data: a CSV or a folder of labelled images.")
        if self.model is None and self.weights is not None:
            raise click.UsageError("--weights needs --model.")
        if self.model is None and (self.input_range is not None or self.outputs is not None):
            raise click.UsageError("--input-range and --outputs need --model: the embedded classifier's are known.")

    def classifier(self) -> Any:
        """Return the pixel classifier."""
        return open_classifier(self.model, self.weights, self.input_range, self.outputs)

    def classifier_and_images(self) -> tuple[Any, Any]:
        """Return the pixel classifier and the images.

        Which label is which class is printed, where the data or the labels tell it.
        """
        from tf_lowdef.evaluation.models.opening import open_data
        from tf_lowdef.models.demo import demo_class_names, load_demo_images
        from tf_lowdef.results.classes import describe_classes

        classifier = self.classifier()
        images = open_data(classifier, load_demo_images() if self.data is None else self.data, self.labels)
        if self.data is None:
            images = dataclasses.replace(images, class_names=demo_class_names())
        elif images.class_names is not None:
            click.echo(f"Classes: {printable(describe_classes(images.class_names))}", err=True)
        return classifier, images


def pop_named(options: dict[str, Any]) -> Named:
    """Take what `model_options`, `names_option` and `data_option` have added out of a command's options.

    Raises:
        click.UsageError: They do not go together.
    """
    named = Named(**{field.name: options.pop(field.name) for field in dataclasses.fields(Named)})
    named.check()
    return named


def open_classifier(model: str | None, weights: str | None, input_range: Any = None, outputs: str | None = None) -> Any:
    """Return the pixel classifier that the options name: the embedded one where they name none."""
    from tf_lowdef.models import as_classifier, load_demo, open_model

    with wrong_arguments():
        classifier = load_demo()[0] if model is None else open_model(model, weights)
        return as_classifier(classifier, input_range, outputs)


def default_run_folder() -> str:
    """Return a new folder's name for a run that was given none."""
    from datetime import datetime

    return f"runs/{datetime.now().astimezone():%Y%m%d-%H%M%S}"


@contextmanager
def run_folder(out: str | None, restart: bool) -> Iterator[Path | RemoteFolder]:
    """Yield the folder of a run, a new one where none is said; what was in it is moved aside where that is asked for.

    Of a folder elsewhere it is a copy on this machine, see `working_folder`.
    """
    from tf_lowdef.evaluation.provenance import move_aside
    from tf_lowdef.jobs import working_folder

    place = out or default_run_folder()
    if restart:
        move_aside(place)
    with working_folder(place) as folder:
        yield folder
