"""Attack once, defend many, count: makes results, writes no report."""

from tf_lowdef.evaluation.evaluator import DEFAULT_ATTACKS, DEFAULT_DEFENCES, evaluate
from tf_lowdef.evaluation.results import Results, Row

__all__ = ["DEFAULT_ATTACKS", "DEFAULT_DEFENCES", "Results", "Row", "evaluate"]
