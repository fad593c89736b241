"""tf_lowdef: WebP and flip in front of a Keras image classifier, and an honest measure of what that defence is worth.

The public names are loaded when they are first used (PEP 562), so that ``import tf_lowdef`` costs no TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tf_lowdef._version import __version__

if TYPE_CHECKING:
    from tf_lowdef.defences import Defence
    from tf_lowdef.evaluation import evaluate
    from tf_lowdef.layers import (
        BitDepthLayer,
        FlipLayer,
        GaussianLayer,
        JPEGLayer,
        MeanOfCopies,
        MedianLayer,
        NoiseLayer,
        NonLocalMeansLayer,
        PixelDeflectionLayer,
        PixelLayer,
        RandomCropLayer,
        RandomFlipLayer,
        RandomWebPLayer,
        ResizePadLayer,
        ShiftLayer,
        TotalVariationLayer,
        WebPLayer,
        codec_scope,
    )
    from tf_lowdef.models import defend, defended_sequence, load_application, load_demo, load_model
    from tf_lowdef.results import Results
    from tf_lowdef.studies import grad_cam

_HOME = {
    "BitDepthLayer": "tf_lowdef.layers",
    "Defence": "tf_lowdef.defences",
    "FlipLayer": "tf_lowdef.layers",
    "GaussianLayer": "tf_lowdef.layers",
    "JPEGLayer": "tf_lowdef.layers",
    "MeanOfCopies": "tf_lowdef.layers",
    "MedianLayer": "tf_lowdef.layers",
    "NoiseLayer": "tf_lowdef.layers",
    "NonLocalMeansLayer": "tf_lowdef.layers",
    "PixelDeflectionLayer": "tf_lowdef.layers",
    "PixelLayer": "tf_lowdef.layers",
    "RandomCropLayer": "tf_lowdef.layers",
    "RandomFlipLayer": "tf_lowdef.layers",
    "RandomWebPLayer": "tf_lowdef.layers",
    "ResizePadLayer": "tf_lowdef.layers",
    "ShiftLayer": "tf_lowdef.layers",
    "TotalVariationLayer": "tf_lowdef.layers",
    "WebPLayer": "tf_lowdef.layers",
    "codec_scope": "tf_lowdef.layers",
    "defended_sequence": "tf_lowdef.models",
    "defend": "tf_lowdef.models",
    "grad_cam": "tf_lowdef.studies",
    "load_application": "tf_lowdef.models",
    "load_demo": "tf_lowdef.models",
    "load_model": "tf_lowdef.models",
    "Results": "tf_lowdef.results",
    "evaluate": "tf_lowdef.evaluation",
}
_SUBPACKAGES = (
    "attacks",
    "data",
    "defences",
    "evaluation",
    "files",
    "layers",
    "models",
    "report",
    "results",
    "serving",
    "studies",
    "webp",
)

__all__ = [
    "BitDepthLayer",
    "Defence",
    "FlipLayer",
    "GaussianLayer",
    "JPEGLayer",
    "MeanOfCopies",
    "MedianLayer",
    "NoiseLayer",
    "NonLocalMeansLayer",
    "PixelDeflectionLayer",
    "PixelLayer",
    "RandomCropLayer",
    "RandomFlipLayer",
    "RandomWebPLayer",
    "ResizePadLayer",
    "Results",
    "ShiftLayer",
    "TotalVariationLayer",
    "WebPLayer",
    "__version__",
    "codec_scope",
    "defend",
    "defended_sequence",
    "evaluate",
    "grad_cam",
    "load_application",
    "load_demo",
    "load_model",
]


def __getattr__(name: str) -> Any:
    """Load a public name or a subpackage on first use."""
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    elif name in _SUBPACKAGES:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the lazy names too, for tab completion."""
    return sorted({*globals(), *_HOME, *_SUBPACKAGES})
