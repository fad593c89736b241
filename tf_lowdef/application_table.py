"""Which classifiers ``keras.applications`` has, how each is written in a text, and what each expects."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Literal

from tf_lowdef.specs import Form, parse_spec


@dataclass(frozen=True)
class Application:
    """One classifier of ``keras.applications``.

    Attributes:
        name: Its function in ``keras.applications``.
        module: The module of ``keras.applications`` with its ``preprocess_input``.
        size: Height and width in pixels at which its ImageNet weights were made.
        preprocessing: What it expects of pixels in [0, 255]: ``"tf"`` (to [-1, 1]), ``"torch"`` (standardised by the
            mean and deviation of ImageNet), ``"caffe"`` (BGR, less the mean), or ``"inside"`` (it does that itself).
    """

    name: str
    module: str
    size: int
    preprocessing: Literal["tf", "torch", "caffe", "inside"]

    @property
    def options(self) -> dict[str, type]:
        """What may be said of it besides its size and its classes."""
        return OPTIONS.get(self.module, {})

    @property
    def form(self) -> Form:
        """What may stand behind its name in a text."""
        return Form({**{name: (kind,) for name, kind in self.options.items()}, "size": (int,), "classes": (int,)})


APPLICATIONS = {
    row.name: row
    for row in (
        Application("ConvNeXtTiny", "convnext", 224, "inside"),
        Application("ConvNeXtSmall", "convnext", 224, "inside"),
        Application("ConvNeXtBase", "convnext", 224, "inside"),
        Application("ConvNeXtLarge", "convnext", 224, "inside"),
        Application("ConvNeXtXLarge", "convnext", 224, "inside"),
        Application("DenseNet121", "densenet", 224, "torch"),
        Application("DenseNet169", "densenet", 224, "torch"),
        Application("DenseNet201", "densenet", 224, "torch"),
        Application("EfficientNetB0", "efficientnet", 224, "inside"),
        Application("EfficientNetB1", "efficientnet", 240, "inside"),
        Application("EfficientNetB2", "efficientnet", 260, "inside"),
        Application("EfficientNetB3", "efficientnet", 300, "inside"),
        Application("EfficientNetB4", "efficientnet", 380, "inside"),
        Application("EfficientNetB5", "efficientnet", 456, "inside"),
        Application("EfficientNetB6", "efficientnet", 528, "inside"),
        Application("EfficientNetB7", "efficientnet", 600, "inside"),
        Application("EfficientNetV2B0", "efficientnet_v2", 224, "inside"),
        Application("EfficientNetV2B1", "efficientnet_v2", 240, "inside"),
        Application("EfficientNetV2B2", "efficientnet_v2", 260, "inside"),
        Application("EfficientNetV2B3", "efficientnet_v2", 300, "inside"),
        Application("EfficientNetV2S", "efficientnet_v2", 384, "inside"),
        Application("EfficientNetV2M", "efficientnet_v2", 480, "inside"),
        Application("EfficientNetV2L", "efficientnet_v2", 480, "inside"),
        Application("InceptionResNetV2", "inception_resnet_v2", 299, "tf"),
        Application("InceptionV3", "inception_v3", 299, "tf"),
        Application("MobileNet", "mobilenet", 224, "tf"),
        Application("MobileNetV2", "mobilenet_v2", 224, "tf"),
        Application("MobileNetV3Large", "mobilenet_v3", 224, "inside"),
        Application("MobileNetV3Small", "mobilenet_v3", 224, "inside"),
        Application("NASNetLarge", "nasnet", 331, "tf"),
        Application("NASNetMobile", "nasnet", 224, "tf"),
        Application("ResNet50", "resnet", 224, "caffe"),
        Application("ResNet101", "resnet", 224, "caffe"),
        Application("ResNet152", "resnet", 224, "caffe"),
        Application("ResNet50V2", "resnet_v2", 224, "tf"),
        Application("ResNet101V2", "resnet_v2", 224, "tf"),
        Application("ResNet152V2", "resnet_v2", 224, "tf"),
        Application("VGG16", "vgg16", 224, "caffe"),
        Application("VGG19", "vgg19", 224, "caffe"),
        Application("Xception", "xception", 299, "tf"),
    )
}
"""Every classifier of ``keras.applications``, Keras 3.12 to 3.15, by name."""

OPTIONS: dict[str, dict[str, type]] = {
    "mobilenet": {"alpha": float, "depth_multiplier": int, "dropout": float},
    "mobilenet_v2": {"alpha": float},
    "mobilenet_v3": {"alpha": float, "minimalistic": bool, "dropout_rate": float},
}
"""The options of a module's applications that shape the network, by their names in ``keras.applications``."""


def application_names() -> tuple[str, ...]:
    """Return the names that `load_application` knows.

    Example:
        >>> from tf_lowdef.models import application_names
        >>> "MobileNetV2" in application_names()
        True
    """
    return tuple(APPLICATIONS)


def find_application(name: str) -> Application:
    """Return the row of an application.

    Raises:
        ValueError: There is none of that name.
    """
    if name in APPLICATIONS:
        return APPLICATIONS[name]
    by_lower = {known.lower(): known for known in APPLICATIONS}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=3)
    hint = f"Did you mean {', '.join(by_lower[match] for match in close)}?" if close else "See keras.applications."
    raise ValueError(f"`name` must be a classifier of keras.applications. {hint} Received: name={name!r}")


def parse_application(text: str) -> tuple[str, dict[str, Any]]:
    """Return the application in a text such as ``"MobileNet:alpha=0.75,size=192"``, and `load_application`'s arguments.

    Args:
        text: A name, and behind a colon its `OPTIONS`, ``size`` (the side of a square image in pixels) and ``classes``.

    Raises:
        ValueError: There is no such application or option, or a value is none; the message lists what there is.
    """
    name, colon, rest = text.partition(":")
    application = find_application(name.strip())
    key = application.name.lower()
    _, values = parse_spec(f"{key}{colon}{rest}", "model", {key: application.form})
    if "size" in values:
        values["input_shape"] = (values["size"], values.pop("size"), 3)
    return application.name, values
