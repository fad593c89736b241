"""Defences: what stands in front of a classifier, under a name."""

from tf_lowdef.defences.defence import BARE, Defence, make_defence, name_defences

__all__ = ["BARE", "Defence", "make_defence", "name_defences"]
