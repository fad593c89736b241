"""Attack once, defend many, count: makes results, writes no report."""

from tf_lowdef.evaluation.evaluator import DEFAULT_ATTACKS, DEFAULT_DEFENCES, DEFAULT_THREATS, evaluate
from tf_lowdef.evaluation.results import Comparison, Results, Row

__all__ = ["DEFAULT_ATTACKS", "DEFAULT_DEFENCES", "DEFAULT_THREATS", "Comparison", "Results", "Row", "evaluate"]
