"""Defences: what stands in front of a classifier, under a name."""

from tf_lowdef.defences.calibration import Calibration, Rule
from tf_lowdef.defences.defence import BARE, Defence
from tf_lowdef.defences.gate import Gate
from tf_lowdef.defences.making import make_defence, name_defences

__all__ = ["BARE", "Calibration", "Defence", "Gate", "Rule", "make_defence", "name_defences"]
