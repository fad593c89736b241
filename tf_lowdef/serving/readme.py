"""The README that lies beside an exported model."""

from __future__ import annotations

from pathlib import Path

from tf_lowdef.files import write_text
from tf_lowdef.keras_compat import all_layers
from tf_lowdef.layers import WebPLayer
from tf_lowdef.serving.decode import RESIZE_DISTANCE
from tf_lowdef.serving.expected import LOGITS_TOLERANCE
from tf_lowdef.serving.graph_ops import newer_ops
from tf_lowdef.serving.layout import README, model_name
from tf_lowdef.serving.network import Network
from tf_lowdef.serving.signatures import (
    BYTES_INPUT,
    BYTES_SIGNATURE,
    DEFENDED,
    LOGITS,
    PIXELS_INPUT,
    PIXELS_SIGNATURE,
    PROBABILITIES,
    TOP_CLASSES,
    TOP_NAMES,
)
from tf_lowdef.webp.graph import always_exact

_MARK = "<!-- Written by tf-lowdef export; a README without this line is left alone. -->"

_TEXT = """\
{mark}
# {name}

An image classifier with its defence inside, for TensorFlow Serving {oldest} and later. The defence: {defence}.

Serve it; run this in this folder:

```
docker run --rm -p 8501:8501 -v "$PWD:/models/{name}:ro" -e MODEL_NAME={name} tensorflow/serving
```

or, to serve it beside others, with the `models.config` here:

```
docker run --rm -p 8501:8501 -v "$PWD:/models/{name}:ro" tensorflow/serving \\
    --model_config_file=/models/{name}/models.config
```

Ask it about an image file:

```
( printf '{{"signature_name": "{bytes_signature}", "instances": [{{"b64": "'
  base64 < photo.jpg | tr -d '\\n'
  printf '"}}]}}' ) | curl -s -d @- http://localhost:8501/v1/models/{name}:predict
```

| signature | input | what it is |
| :--- | :--- | :--- |
| `{pixels_signature}` | `{pixels}`, float32, (batch, {height}, {width}, 3) | RGB in [0, 255] |
| `{bytes_signature}` | `{bytes}`, string, (batch,) | whole JPEG or PNG files; in JSON `{{"b64": "..."}}` |

| output | what it is |
| :--- | :--- |
| `{probabilities}`, `{logits}` | float32, (batch, {classes}){logits_note} |
| `{top_classes}`, `{top_names}` | the {top} most probable classes: index, and name |
{defended_row}
## What is exact

- JPEG and 8-bit PNG are decoded exactly as Pillow decodes them. Images of another size are resized to
  {width}x{height} before the defence, bicubic with antialiasing, within {distance} grey levels of Pillow's. EXIF
  orientation is not carried out, transparency is dropped, CMYK is converted otherwise than by Pillow. WebP is decoded
  where the server's TensorFlow can (2.20 and later); GIF (its first frame) and BMP are decoded too.
- When this was exported, the pixels behind the defence were those of Pillow's codec on all samples, and logits within
  {tolerance:g}.{large}
- `tf-lowdef serve-check` on this folder runs the model in a process without tf_lowdef, and where a C compiler is there
  in one without Python, and compares with answers that are stored beside it.
"""

_LARGE = """ Pictures of this size that are very dense (noise at quality 100) may differ: libwebp's methods 3 and 4
  then halve counts that overflow 16 bits."""


def write_readme(root: Path, network: Network, *, classes: int, top: int, probabilities: bool, pixels: bool) -> bool:
    """Write the README unless there is one that is not ours; return whether it was written."""
    file = root / README
    if file.exists() and _MARK not in file.read_text("utf-8", "replace"):
        return False
    name = model_name(root)
    height, width = network.size
    exact = all(always_exact(height, width, each.method) for each in all_layers(network.model) if _is_webp(each))
    text = _TEXT.format(
        mark=_MARK,
        name=name,
        oldest=".".join(newer_ops()["oldest"].split(".")[:2]),
        defence=describe(network),
        height=height,
        width=width,
        classes=classes,
        top=top,
        bytes_signature=BYTES_SIGNATURE,
        pixels_signature=PIXELS_SIGNATURE,
        pixels=PIXELS_INPUT,
        bytes=BYTES_INPUT,
        probabilities=PROBABILITIES,
        logits=LOGITS,
        logits_note="; the model gives probabilities, and logits are their logarithms" if probabilities else "",
        top_classes=TOP_CLASSES,
        top_names=TOP_NAMES,
        defended_row=_defended_row(height, width) if pixels else "",
        distance=RESIZE_DISTANCE,
        tolerance=LOGITS_TOLERANCE,
        large="" if exact else _LARGE,
    )
    write_text(file, text)
    return True


def describe(network: Network) -> str:
    """Return the defence in words for people: the layers in front, or what is known of a model of another form."""
    layers = network.head or tuple(each for each in all_layers(network.model) if _is_webp(each))
    return ", ".join(_describe_layer(layer) for layer in layers) or "none that could be told apart"


def _describe_layer(layer: object) -> str:
    settings = f" (quality {layer.quality:g}, method {layer.method})" if isinstance(layer, WebPLayer) else ""
    return f"{type(layer).__name__}{settings}"


def _is_webp(layer: object) -> bool:
    return isinstance(layer, WebPLayer)


def _defended_row(height: int, width: int) -> str:
    return (
        f"| `{DEFENDED}` | float32, (batch, {height}, {width}, 3): what the classifier behind the defence sees |\n\n"
        f"`{DEFENDED}` makes a JSON answer large. Over gRPC an `output_filter` leaves it out; for REST, export\n"
        "without it (`--no-defended-pixels`).\n"
    )
