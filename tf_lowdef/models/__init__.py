"""Classifiers from pixels in [0, 255] to logits: ``keras.applications``, the embedded default, saved models."""

from __future__ import annotations

from tf_lowdef.application_table import application_names
from tf_lowdef.models.adapter import as_classifier
from tf_lowdef.models.applications import load_application
from tf_lowdef.models.defend import defend, defended_sequence
from tf_lowdef.models.demo import demo_class_names, load_demo
from tf_lowdef.models.loading import load_model
from tf_lowdef.models.opening import open_model

__all__ = [
    "application_names",
    "as_classifier",
    "defend",
    "defended_sequence",
    "demo_class_names",
    "load_application",
    "load_demo",
    "load_model",
    "open_model",
]
