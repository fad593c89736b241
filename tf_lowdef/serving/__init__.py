"""Exports that really serve: a defended model for TensorFlow Serving, and a check that it runs without this package."""

from tf_lowdef.serving.check import CheckResult, check
from tf_lowdef.serving.export import export

__all__ = ["CheckResult", "check", "export"]
