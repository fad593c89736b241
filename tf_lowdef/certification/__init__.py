"""Certificates: L2 radii within which no attacker can change a smoothed classifier's answer."""

from tf_lowdef.certification.algorithm import certify_votes, predict_votes
from tf_lowdef.certification.run import certify
from tf_lowdef.certification.smoothed_classifier import SmoothedClassifier
from tf_lowdef.results.smoothing import ABSTAIN

__all__ = ["ABSTAIN", "SmoothedClassifier", "certify", "certify_votes", "predict_votes"]
