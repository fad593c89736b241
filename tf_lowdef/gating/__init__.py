"""Gates: a defence that is paid for only where an image looks suspicious."""

from tf_lowdef.gating.gate import gate

__all__ = ["gate"]
