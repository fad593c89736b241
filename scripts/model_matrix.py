"""Kinds of models that people have, through every entry point: what comes out is compared with NumPy and Pillow.

Prints the table that stands in ``tf_lowdef/models/README.md``: ``python scripts/model_matrix.py [KIND ...]``. A cell
says ``right``, where every number is that of the reference, or ``refused``, where a message names what to do; and what
becomes of the same call where nobody says the range. What is wrong is an error. Every network looks at the brightness
of four quadrants (of two halves, with two classes) by hand-set weights, in its own range; outside of that range it says
the same class of everything.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from tf_lowdef import FlipLayer, WebPLayer, as_classifier, defend, evaluate, grad_cam, load_model
from tf_lowdef.attacks import FGSM
from tf_lowdef.models.input_range import parse_input_range
from tf_lowdef.models.range_probe import RangeError

SHAPE = (16, 16, 3)
COUNT = 40
SHARPNESS, MIDDLE, GAIN = 30.0, 0.47, 4.0
"""Of the hidden layer's tanh, against brightness in [0, 1], and of the logits behind it."""
TOLERANCE = 2e-3
STRENGTH = 12
"""Of the attacks, in grey levels: enough for some of the images."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of model.

    Attributes:
        name: What it is called in the table.
        build: Makes it.
        input_range: What it takes; what must be said of it, where it is not [0, 255].
        outputs: What must be said of its outputs.
        shape: Of its images.
        classes: How many it tells apart.
        defence: Of its own in front: what it makes of pixels, by Pillow.
        sees: Whether Grad-CAM can look into it.
        saves: Whether Keras saves what it is made of and loads it in safe mode.
        tells_range: Whether a layer of this package in it tells its range.
        tolerance: Of its probabilities.
    """

    name: str
    build: Callable[[], Any]
    input_range: Any = (0, 255)
    outputs: str | None = None
    shape: tuple[int, int, int] = SHAPE
    classes: int = 4
    defence: Callable[[Any], Any] = lambda pixels: pixels
    sees: bool = True
    saves: bool = True
    tells_range: bool = False
    tolerance: float = TOLERANCE

    @property
    def said(self) -> dict[str, Any]:
        """What a call must say of the model."""
        found: dict[str, Any] = {"outputs": self.outputs} if self.outputs else {}
        if not self.tells_range and self.input_range != (0, 255):
            found["input_range"] = self.input_range
        return found

    def data(self) -> tuple[Any, Any]:
        """Draw images, uint8, one part of each brighter by a little, and labels; one in eight is labelled wrongly."""
        rng = np.random.default_rng(1)
        height, width, channels = self.shape
        labels = np.arange(COUNT) % self.classes
        images = rng.normal(112, 12, (COUNT, height, width, channels))
        for image, label in zip(images, labels, strict=True):
            rows, columns = self._part(int(label))
            image[rows, columns] += 16
        labels[::8] = (labels[::8] + 1) % self.classes
        return np.clip(np.rint(images), 0, 255).astype(np.uint8), labels.astype(np.int64)

    def probabilities(self, pixels: Any) -> Any:
        """Return what the network says of uint8 pixels, by NumPy alone."""
        seen = self.defence(pixels).astype(np.float64) / 255
        parts = [self._part(number) for number in range(self.classes)]
        brightness = np.stack([seen[:, rows, columns].mean(axis=(1, 2, 3)) for rows, columns in parts], axis=1)
        logits = GAIN * np.tanh(SHARPNESS * (brightness - MIDDLE))
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)

    def _part(self, number: int) -> tuple[slice, slice]:
        half, across = self.shape[0] // 2, self.shape[1] // 2
        row, column = (0, number) if self.classes == 2 else divmod(number, 2)
        rows = slice(None) if self.classes == 2 else slice(row * half, (row + 1) * half)
        return rows, slice(column * across, (column + 1) * across)


def layers(
    head: str = "softmax", input_range: Any = (0, 255), shape: tuple[int, int, int] = SHAPE, classes: int = 4
) -> list[Any]:
    """Return the layers of a network, and set their weights when they are built."""
    rows = shape[0] if classes == 2 else shape[0] // 2
    within, channels = parse_input_range(input_range), shape[2]
    scale = np.broadcast_to(within.scale, (channels,)) * 255
    each = SHARPNESS / channels / scale  # of a channel's value in the range, for brightness in [0, 1]
    kernel = np.concatenate([np.outer(each, row) for row in np.eye(classes)])
    shift = SHARPNESS * MIDDLE + (np.broadcast_to(within.offset, (channels,)) * each).sum()
    hidden = keras.layers.Dense(
        classes,
        "tanh",
        kernel_initializer=_constant(kernel),
        bias_initializer=keras.initializers.Constant(-shift),
    )
    logits = np.eye(classes) * GAIN
    end: list[Any]
    if head in ("sigmoid", "one logit"):
        one = (logits[:, 1] - logits[:, 0])[:, None]
        end = [keras.layers.Dense(1, "sigmoid" if head == "sigmoid" else None, kernel_initializer=_constant(one))]
    elif head == "softmax layer":
        end = [keras.layers.Dense(classes, kernel_initializer=_constant(logits)), keras.layers.Softmax()]
    elif head == "convolution":
        filters = _constant(logits[None, None])
        end = [
            keras.layers.Reshape((1, 1, classes)),
            keras.layers.Conv2D(classes, 1, activation="softmax", kernel_initializer=filters),
        ]
    else:
        activation = None if head == "logits" else head
        end = [keras.layers.Dense(classes, activation, kernel_initializer=_constant(logits), dtype="float32")]
    pool = keras.layers.AveragePooling2D((rows, shape[1] // 2))
    spread = keras.layers.Conv2D(
        channels, 1, use_bias=False, kernel_initializer=_constant(np.eye(channels)[None, None])
    )  # so that Grad-CAM finds features
    return [spread, pool, keras.layers.Flatten(), hidden, *end]


def _constant(values: Any) -> Any:
    return keras.initializers.Constant(np.asarray(values, np.float32).tolist())


def sequential(*arguments: Any, before: tuple[Any, ...] = (), dtype: Any = None, **options: Any) -> Any:
    """Return a Sequential model with an Input."""
    shape = options.get("shape", SHAPE)
    return keras.Sequential([keras.Input(shape, dtype=dtype), *before, *layers(*arguments, **options)])


def functional(
    *arguments: Any,
    before: tuple[Any, ...] = (),
    dtype: Any = None,
    structure: Callable[[Any], Any] = lambda x: x,
    cls: Any = keras.Model,
    **options: Any,
) -> Any:
    """Return a functional model."""
    inputs = x = keras.Input(options.get("shape", SHAPE), dtype=dtype, name="image")
    for layer in [*before, *layers(*arguments, **options)]:
        x = layer(x)
    return cls(structure(inputs), structure(x))


@keras.saving.register_keras_serializable(package="model_matrix")
class Subclassed(keras.Model):
    """A model whose call is code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = layers("softmax", (0, 1))

    def call(self, inputs: Any) -> Any:
        """Call one part after the other."""
        for part in self.parts:
            inputs = part(inputs)
        return inputs


class OwnTraining(keras.Model):
    """A functional model with a training step of its own."""

    def train_step(self, data: Any) -> Any:
        """Train as usual."""
        return super().train_step(data)


def saved(model: Any, name: str) -> Any:
    """Save a model and load it again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        model.save(path)
        return load_model(path)


def saved_model(model: Any) -> Any:
    """Export a model and load it through a TFSMLayer."""
    folder = tempfile.mkdtemp()
    model.export(folder, verbose=False)
    return keras.layers.TFSMLayer(folder, call_endpoint="serve")


def mixed() -> Any:
    """Return a model that computes in half precision."""
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_float16")
        return sequential("softmax", (0, 1))
    finally:
        keras.config.set_dtype_policy(before)


def called(model: Any) -> Any:
    """Return a model after a call."""
    model(np.zeros((1, *SHAPE), np.float32))
    return model


def nested() -> Any:
    """Return a network inside a Sequential inside a Sequential."""
    return keras.Sequential([keras.Input(SHAPE), keras.Sequential([keras.Input(SHAPE), functional("softmax", (0, 1))])])


def shared() -> Any:
    """Return a network that was called elsewhere before, with layers that are called again."""
    network = sequential("softmax", (-1, 1))
    other = keras.Input(SHAPE)
    keras.Model(other, network(keras.layers.GaussianNoise(1.0)(other)))
    for layer in network.layers[:1]:
        layer(other)
    return network


def averaged() -> Any:
    """Return the mean of two networks' probabilities."""
    inputs = keras.Input(SHAPE)
    both = [functional("softmax", (0, 1))(inputs), functional("softmax layer", (0, 1))(inputs)]
    return keras.Model(inputs, keras.layers.Average()(both))


def webp_flip(pixels: Any, quality: int = 60) -> Any:
    """Return what WebP and a flip make of pixels, by Pillow."""
    grey = pixels.shape[-1] == 1
    out = []
    for image in pixels:
        buffer = BytesIO()
        Image.fromarray(image[..., 0] if grey else image).save(buffer, "WEBP", quality=quality)
        out.append(np.asarray(Image.open(buffer).convert("L" if grey else "RGB")).reshape(image.shape)[:, ::-1])
    return np.stack(out)


def ours_in_front() -> Any:
    """Return a model that begins with this package's layers, in its own range."""
    return keras.Sequential(
        [keras.Input(SHAPE), WebPLayer(60, value_range=(0, 1)), FlipLayer(), functional("softmax", (0, 1))]
    )


GREY, WIDE = (16, 16, 1), (16, 24, 3)
AUGMENTATION = (keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.1))

KINDS = [
    Kind("pixels, logits, functional", lambda: functional("logits")),
    Kind("pixels, softmax, Sequential", sequential),
    Kind("[0, 1], softmax, Sequential", lambda: sequential("softmax", (0, 1)), (0, 1)),
    Kind("[0, 1], softmax, functional", lambda: functional("softmax", (0, 1)), (0, 1)),
    Kind("[0, 1], logits, saved as .keras", lambda: saved(functional("logits", (0, 1)), "m.keras"), (0, 1)),
    Kind("[0, 1], softmax, saved as .h5", lambda: saved(functional("softmax", (0, 1)), "m.h5"), (0, 1)),
    Kind(
        "[0, 1], softmax, SavedModel",
        lambda: saved_model(sequential("softmax", (0, 1))),
        (0, 1),
        sees=False,
        saves=False,
    ),
    Kind("[0, 1], softmax, subclassed", lambda: called(Subclassed()), (0, 1), sees=False),
    Kind("[0, 1], softmax, subclassed, not called", Subclassed, (0, 1), sees=False),
    Kind("[0, 1], softmax, Sequential, not called", lambda: keras.Sequential(layers("softmax", (0, 1))), (0, 1)),
    Kind("[-1, 1], Softmax layer", lambda: functional("softmax layer", (-1, 1)), (-1, 1)),
    Kind("[-1, 1], logits, loaded", lambda: saved(sequential("logits", (-1, 1)), "m.keras"), (-1, 1)),
    Kind("caffe mean, softmax", lambda: functional("softmax", "caffe"), "caffe"),
    Kind("torch mean and deviation, logits", lambda: functional("logits", "torch"), "torch"),
    Kind("[0, 1], one sigmoid", lambda: sequential("sigmoid", (0, 1), classes=2), (0, 1), classes=2),
    Kind(
        "[-1, 1], one logit", lambda: functional("one logit", (-1, 1), classes=2), (-1, 1), outputs="logits", classes=2
    ),
    Kind("[0, 1], two classes, softmax", lambda: functional("softmax", (0, 1), classes=2), (0, 1), classes=2),
    Kind("[0, 1], grey, softmax", lambda: sequential("softmax", (0, 1), shape=GREY), (0, 1), shape=GREY),
    Kind("pixels, grey, one sigmoid", lambda: functional("sigmoid", shape=GREY, classes=2), shape=GREY, classes=2),
    Kind("[0, 1], not square, softmax", lambda: functional("softmax", (0, 1), shape=WIDE), (0, 1), shape=WIDE),
    Kind("[0, 1], mixed_float16, softmax", mixed, (0, 1), tolerance=0.02),
    Kind("[0, 1], nested twice", nested, (0, 1)),
    Kind("[-1, 1], shared layers", shared, (-1, 1)),
    Kind("own Rescaling, softmax", lambda: sequential("softmax", (0, 1), before=(keras.layers.Rescaling(1 / 255),))),
    Kind(
        "own Normalization, softmax",
        lambda: functional("softmax", (-2, 2), before=(keras.layers.Normalization(mean=127.5, variance=63.75**2),)),
    ),
    Kind("[0, 1], augmentation in front", lambda: sequential("softmax", (0, 1), before=AUGMENTATION), (0, 1)),
    Kind("pixels, uint8 Input", lambda: functional("softmax", dtype="uint8", before=(keras.layers.Rescaling(1.0),))),
    Kind("[0, 1], lists of one", lambda: functional("softmax", (0, 1), structure=lambda x: [x]), (0, 1)),
    Kind("[0, 1], dicts of one", lambda: functional("softmax", (0, 1), structure=lambda x: {"image": x}), (0, 1)),
    Kind("[0, 1], mean of two softmaxes", averaged, (0, 1), sees=False),
    Kind("[0, 1], convolution as head", lambda: functional("convolution", (0, 1)), (0, 1)),
    Kind("[0, 1], own train_step", lambda: functional("softmax", (0, 1), cls=OwnTraining), (0, 1)),
    Kind("WebP of ours in (0, 1) in front", ours_in_front, (0, 1), defence=webp_flip, tells_range=True),
]


class WrongError(AssertionError):
    """A cell of the matrix is wrong."""


def _same(found: Any, expected: Any, what: str, tolerance: float = TOLERANCE) -> None:
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape or not np.allclose(found, expected, atol=tolerance):
        raise WrongError(f"{what}: {found.ravel()[:6]} instead of {expected.ravel()[:6]}")


def _softmax(logits: Any) -> Any:
    return keras.ops.convert_to_numpy(keras.ops.softmax(np.asarray(logits, np.float32)))


def _needs_shape(model: Any) -> bool:
    return isinstance(model, keras.Model) and not model.built


def adapt(kind: Kind) -> Any:
    """Return a kind's model as a pixel classifier, told what must be."""
    model = kind.build()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return as_classifier(model, **kind.said, input_shape=kind.shape if _needs_shape(model) else None)


def check_as_classifier(kind: Kind) -> str:
    """Probabilities of the logits are the network's; it saves and loads."""
    images, _ = kind.data()
    classifier = adapt(kind)
    pixels = images.astype(np.float32)
    logits = classifier(pixels, training=False)
    _same(_softmax(logits), kind.probabilities(images), "logits", kind.tolerance)
    if kind.saves:
        _same(saved(classifier, "again.keras")(pixels, training=False), logits, "loaded again")
    return "right"


def check_defend(kind: Kind) -> str:
    """Behind WebP and a flip it says what the network says of Pillow's pixels."""
    images, _ = kind.data()
    model = kind.build()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        defended = defend(adapt(kind) if _needs_shape(model) else model, **({} if _needs_shape(model) else kind.said))
    found = _softmax(defended.predict(images.astype(np.float32), verbose=0))
    _same(found, kind.probabilities(webp_flip(images)), "defended", kind.tolerance)
    return "right"


def check_attack(kind: Kind) -> str:
    """An attack judges its images as the network does; a model that needs telling is refused untold."""
    images, labels = kind.data()
    result = FGSM(STRENGTH)(adapt(kind), images, labels)
    for found, pixels in ((result.clean_predictions, images), (result.predictions, result.images)):
        expected = kind.probabilities(pixels)
        second, first = np.sort(expected, axis=1)[:, -2:].T
        clear = first - second > 2 * kind.tolerance
        _same(found[clear], expected.argmax(axis=1)[clear], "classes")
    if not (result.predictions != result.clean_predictions).any():
        raise WrongError("the attack moved no class")
    if not kind.said:
        again = FGSM(STRENGTH)(kind.build(), images, labels)
        _same(again.images, result.images, "images through the bare model", 1)
        return "right"
    return _untold(lambda: FGSM(STRENGTH)(kind.build(), images, labels))


def _untold(call: Callable[[], Any]) -> str:
    """Check that a call ends in an error that says what to pass."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
    except RangeError as error:
        if "input_range=" not in str(error):
            raise WrongError(f"does not say what to pass: {error}") from error
    except ValueError as error:
        if not any(word in str(error) for word in ("outputs=", "input_range=", "input_shape=")):
            raise WrongError(f"does not say what to pass: {error}") from error
    else:
        raise WrongError("was not refused")
    return "right; untold refused"


def check_evaluate(kind: Kind) -> str:
    """Counts are the network's, of clean and of defended images; untold it is refused."""
    images, labels = kind.data()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = evaluate(
            kind.build(), (images, labels), ["fgsm:4"], ["none", "webp:60+flip"], batch_size=20, **kind.said
        )
    for defence, seen in (("none", images), ("webp:60+flip", webp_flip(images))):
        (row,) = results.select(kind="clean", defence=defence)
        right = kind.probabilities(seen).argmax(axis=1) == labels
        _same(row.correct, right.sum(), f"correct behind {defence}")
    if not kind.said:
        return "right"
    return _untold(lambda: evaluate(kind.build(), (images, labels), ["fgsm:4"], ["none"], batch_size=20))


def check_sweep(kind: Kind) -> str:
    """The costs are of the right images, and the counts the network's."""
    from tf_lowdef.evaluation.sweep import sweep

    images, labels = (each[:16] for each in kind.data())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = sweep(
            kind.build(), (images, labels), ["fgsm:16"], [60], [4], [True], 100, batch_size=16, **kind.said
        )  # fmt: skip
    (row,) = found.results.select(kind="clean", defence="webp:60+flip")
    right = kind.probabilities(webp_flip(images)).argmax(axis=1) == labels
    _same(row.correct, right.sum(), "correct behind webp:60+flip")
    if not kind.said:
        return "right"
    return _untold(lambda: sweep(kind.build(), kind.data(), ["fgsm:16"], [60], [4], [True], batch_size=20))


def check_attack_folder(kind: Kind) -> str:
    """Every image of a folder of class folders is classified as the network does, before and after."""
    from tf_lowdef.evaluation.folder.attack_folder import attack_folder

    images, labels = kind.data()
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(place)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            (folder / "in" / f"class {label}").mkdir(parents=True, exist_ok=True)
            plane = image[..., 0] if kind.shape[2] == 1 else image
            Image.fromarray(plane).save(folder / "in" / f"class {label}" / f"{number:02d}.png")
        unknown = _needs_shape(kind.build())
        model = adapt(kind) if unknown else kind.build()
        said = {} if unknown else kind.said
        attack_folder(model, folder / "in", folder / "out", FGSM(4), batch_size=20, **said)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            file = folder / "out" / f"class {label}" / f"{number:02d}.png"
            found = np.asarray(Image.open(file)).reshape(image.shape)
            if abs(found.astype(int) - image).max() > 4:
                raise WrongError(f"{file.name} is another image")
        import csv

        with (folder / "out" / "attack.csv").open() as table:
            rows = {row["file"]: row for row in csv.DictReader(table)}
        names = [f"class {label}/{number:02d}.png" for number, label in enumerate(labels)]
        before = [int(rows[name]["before"]) for name in names]
        _same(before, kind.probabilities(images).argmax(axis=1), "classes before")
        if not kind.said:
            return "right"
        untold = adapt(dataclasses.replace(kind, input_range=(0, 255), outputs=None)) if unknown else model
        return _untold(lambda: attack_folder(untold, folder / "in", folder / "again", FGSM(4), batch_size=20))


def check_grad_cam(kind: Kind) -> str:
    """Maps lie in [0, 1] and are not empty; what has no graph is refused by name."""
    images, _ = kind.data()
    model = kind.build()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            maps = grad_cam(model, images[:4], **kind.said)
        except ValueError as error:
            if kind.sees or not any(reason in str(error) for reason in ("no graph of layers", "layers in a row")):
                raise
            return "refused"
    if maps.shape != (4, *kind.shape[:2]) or not 0 <= maps.min() <= maps.max() <= 1 or not maps.any():
        raise WrongError(f"maps: {maps.shape}, {maps.min()} to {maps.max()}")
    return "right"


def check_export(kind: Kind) -> str:
    """The served answers are the network's, of pixels in [0, 255]."""
    import tensorflow as tf

    from tf_lowdef.serving import export

    images, _ = kind.data()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unknown = _needs_shape(kind.build())
        path = export(adapt(kind) if unknown else kind.build(), Path(folder) / "m", **({} if unknown else kind.said))
        served = tf.saved_model.load(str(path))
        colours = np.repeat(images, 3, axis=-1) if kind.shape[2] == 1 else images
        answers = served.signatures["serving_default"](tf.constant(colours, tf.float32))
        _same(_softmax(answers["logits"]), kind.probabilities(images), "served", kind.tolerance)
    if "input_range" not in kind.said:
        return "right"
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        untold = dataclasses.replace(kind, input_range=(0, 255))
        export(adapt(untold) if unknown else kind.build(), Path(folder) / "m", outputs=kind.outputs)
    if not any("--input-range" in str(each.message) for each in found):
        raise WrongError("exported without a word on the range")
    return "right; untold warned"


ENTRIES = {
    "as_classifier": check_as_classifier,
    "defend": check_defend,
    "attack": check_attack,
    "grad_cam": check_grad_cam,
    "evaluate": check_evaluate,
    "attack_folder": check_attack_folder,
    "sweep": check_sweep,
    "export": check_export,
}


def main(names: list[str]) -> int:
    """Print the table; return 1 if a cell is wrong."""
    wrong = 0
    print("| model |" + "".join(f" `{entry}` |" for entry in ENTRIES), flush=True)
    print("| :-- |" + " :-- |" * len(ENTRIES), flush=True)
    for kind in KINDS:
        if names and kind.name not in names:
            continue
        print(f"| {kind.name} |", end="", flush=True)
        for check in ENTRIES.values():
            try:
                cell = check(kind)
            except Exception as error:  # the table goes on
                cell, wrong = f"**wrong**: {json.dumps(str(error))[:200]}", wrong + 1
            print(f" {cell} |", end="", flush=True)
        print(flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
