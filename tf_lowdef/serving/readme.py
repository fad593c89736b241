"""The README that lies beside an exported model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import __version__ as pillow_version

from tf_lowdef.files import write_text
from tf_lowdef.keras_compat import all_layers
from tf_lowdef.layers import GateHead, SqueezersLayer, WebPLayer
from tf_lowdef.layers.gate_head import DEFENDED as TAKEN
from tf_lowdef.layers.gate_head import SUSPICION
from tf_lowdef.models.input_range import RESCALING
from tf_lowdef.serving.expected import LOGITS_TOLERANCE
from tf_lowdef.serving.graph_ops import newer_ops
from tf_lowdef.serving.layout import README, model_name
from tf_lowdef.serving.network import Network, Size
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
    VALID,
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
{compiled}
Ask it about an image file:

```
( printf '{{"signature_name": "{bytes_signature}", "instances": [{{"b64": "'
  base64 < photo.jpg | tr -d '\\n'
  printf '"}}]}}' ) | curl -s -d @- http://localhost:8501/v1/models/{name}:predict
```

| signature | input | what it is |
| :--- | :--- | :--- |
| `{pixels_signature}` | `{pixels}`, float32, (batch, {height}, {width}, 3) | RGB in [0, 255]{range_note} |
| `{bytes_signature}` | `{bytes}`, string, (batch,) | whole JPEG, PNG or WebP files; in JSON `{{"b64": "..."}}` |

| output | what it is |
| :--- | :--- |
| `{probabilities}`, `{logits}` | float32, (batch, {classes}){logits_note} |
| `{top_classes}`, `{top_names}` | the {top} most probable classes: index, and name |{gate_rows}{valid_row}
{defended_row}
## Bad images

{bad}

## What is exact

- JPEG and PNG files of any size are decoded as Pillow decodes them and resized to {width}x{height} as Pillow {pillow}
  resizes them (bicubic), value for value, before the defence. The EXIF orientation is carried out (one in XMP or in a
  PNG's text is not), transparency is laid on white, of 16 bits the high 8 are taken. WebP is decoded, as exactly, where
  the server's TensorFlow can (2.20 and later).
- GIF, BMP and TIFF files, animated WebP and CMYK JPEG are refused, and so are files of more than {limit_width} x
  {limit_height} pixels (width x height; `--max-image-size`), which is looked up in the header before anything is
  decoded.
- When this was exported, the pixels behind the defence were those of Pillow's codec on all samples, and logits within
  {tolerance:g}.{large}
- `tf-lowdef serve-check` on this folder runs the model in a process without tf_lowdef, and where a C compiler is there
  in one without Python, and compares with answers that are stored beside it.
"""

_MARKED = """\
Bad images (files that are not decoded, see below; pixels that are not finite) are marked: `{valid}` is false, and all
other outputs of that image are zeros and empty names. The others of the request are answered as ever. TensorFlow
Serving merges requests into batches and gives one status to all of them, so that an error would fail everybody's.
Look at `{valid}` before anything else. (`--on-bad-image error` exports without it.)"""

_FAILED = """\
A bad image (a file that is not decoded, see below) fails the whole request, and with it all those that TensorFlow
Serving had merged into its batch. (`--on-bad-image mark` answers it with zeros and an output `{valid}` instead.)"""
_COMPILED = """
The codec is compiled by XLA, which TensorFlow Serving does on a CPU with `--xla_cpu_compilation_enabled` alone: add it
to either command, or requests fail. Each size of a batch is compiled once, which takes 10 to 30 s and up to 1 GB. The
warm-up requests do so for batches of {sizes} before the server takes others; a client's of another size waits. With
`--enable_batching`, give those sizes as `allowed_batch_sizes` in the file of `--batching_parameters_file`.
"""

_GATE_ROWS = f"""
| `{SUSPICION}` | float32, (batch,): 0 to 2, how far the answers with and without the defence are apart |
| `{TAKEN}` | bool, (batch,): whether the answer is that behind the defence |"""

_LARGE = """ Pictures of this size that are very dense (noise at quality 100) may differ: libwebp's methods 3 and 4
  then halve counts that overflow 16 bits."""


def write_readme(
    root: Path,
    network: Network,
    *,
    classes: int,
    top: int,
    sigmoids: bool,
    pixels: bool,
    mark: bool,
    limit: Size,
    compiled_for: Sequence[int] = (),
    range_said: bool = True,
) -> bool:
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
        compiled=_COMPILED.format(sizes=", ".join(map(str, compiled_for))) if compiled_for else "",
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
        logits_note="; each is of one class against the rest, which do not sum to one" if sigmoids else "",
        top_classes=TOP_CLASSES,
        top_names=TOP_NAMES,
        gate_rows="" if network.gate is None else _GATE_ROWS,
        defended_row=_defended_row(height, width) if pixels else "",
        valid_row=f"\n| `{VALID}` | bool, (batch,): whether the image is good |" if mark else "",
        range_note=_range_note(network, range_said),
        bad=(_MARKED if mark else _FAILED).format(valid=VALID),
        pillow=pillow_version,
        limit_height=limit[0],
        limit_width=limit[1],
        tolerance=LOGITS_TOLERANCE,
        large="" if exact else _LARGE,
    )
    write_text(file, text)
    return True


def describe(network: Network) -> str:
    """Return the defence in words for people: the layers in front, or what is known of a model of another form."""
    gate = next((each for each in all_layers(network.model) if isinstance(each, GateHead)), None)
    if gate is not None:
        inner = next(each for each in all_layers(network.model) if isinstance(each, SqueezersLayer)).squeezers
        chains = ["+".join(_describe_layer(layer) for layer in chain) for chain in inner]
        more = f" (compared with {', '.join(chains[1:])} too)" if chains[1:] else ""
        also = ", or its answer is another and the more decided one" if gate.arbitrate else ""
        return f"{chains[0]}, where `{SUSPICION}` is above {gate.threshold:g}{also}, and else none{more}"
    layers = network.head or tuple(each for each in all_layers(network.model) if _is_webp(each))
    return ", ".join(_describe_layer(layer) for layer in layers) or "none that could be told apart"


def _describe_layer(layer: object) -> str:
    settings = f" (quality {layer.quality:g}, method {layer.method})" if isinstance(layer, WebPLayer) else ""
    return f"{type(layer).__name__}{settings}"


def _range_note(network: Network, range_said: bool) -> str:
    if not range_said:
        return "; nobody said that the model takes this, it is assumed"
    mapped = [layer for layer in all_layers(network.model) if layer.name == RESCALING]
    return "; mapped to what the model takes" if mapped else ""


def _is_webp(layer: object) -> bool:
    return isinstance(layer, WebPLayer)


def _defended_row(height: int, width: int) -> str:
    return (
        f"| `{DEFENDED}` | float32, (batch, {height}, {width}, 3): what the classifier behind the defence sees |\n\n"
        f"`{DEFENDED}` makes a JSON answer large. Over gRPC an `output_filter` leaves it out; for REST, export\n"
        "without it (`--no-defended-pixels`).\n"
    )
