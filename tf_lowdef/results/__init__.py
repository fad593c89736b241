"""What an evaluation gives: rows, what was run, and the folder that holds both. Needs no TensorFlow."""

from tf_lowdef.results.certificate import Certificate
from tf_lowdef.results.comparison import Comparison
from tf_lowdef.results.names import BARE, CLEAN, WORST, AttackName, DefenceName
from tf_lowdef.results.results import Results
from tf_lowdef.results.row import Row

__all__ = ["BARE", "CLEAN", "WORST", "AttackName", "Certificate", "Comparison", "DefenceName", "Results", "Row"]
