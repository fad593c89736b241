"""The version of the package, for whatever records or compares it without loading anything else."""

__version__ = "0.2.0"
