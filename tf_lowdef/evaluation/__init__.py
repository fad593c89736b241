"""Attack once, defend many, count: makes results, writes no report."""

from tf_lowdef.evaluation.evaluator import DEFAULT_ATTACKS, DEFAULT_DEFENCES, DEFAULT_THREATS, evaluate

__all__ = ["DEFAULT_ATTACKS", "DEFAULT_DEFENCES", "DEFAULT_THREATS", "evaluate"]
