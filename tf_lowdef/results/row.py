"""A row of results: one attack against one defence. Every file and report takes its columns from the fields here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from tf_lowdef.bounds import LINF, Bound
from tf_lowdef.results.names import AttackName, DefenceName, Kind, row_name

HEADING, DIGITS = "heading", "digits"
"""In the metadata of a field: how a report's table of attacks calls its column, and how many decimals it has there."""

ENDS = "ends"
"""In the metadata of a pair: what its ends are called in ``results.csv``."""

PER_IMAGE = "per_image"
"""The field that stands in a file of its own, ``correct.csv``."""


def _of_attack(heading: str, digits: int = 0) -> Any:
    """Return a field that says what the attack did, for a report's table of attacks."""
    return field(default=None, metadata={HEADING: heading, DIGITS: digits})


@dataclass(frozen=True)
class Row:
    """One attack against one defence.

    A new field, with a default, reaches ``results.json``, ``results.csv``, the reader and the reports by being here.

    Attributes:
        threat: What the attacker knows, such as ``"oblivious"``; None for clean images, which nobody attacks.
        attack: Such as ``"bim:4"``; ``"none"`` for clean images; ``"worst:4"`` for the worst example of every image
            within epsilon, whoever made it; ``"worst:l2:0.5"`` likewise in L2. Any text may be given.
        defence: Such as ``"webp:60+flip"``; ``"none"`` for the bare model. Any text may be given.
        n: Images counted.
        correct: Of these, classified correctly by the defended model; a mean over draws where it is randomised.
        top1: ``correct / n``.
        ci95: 95 % interval of `top1`: Wilson's; of a mean over draws for as many images as they are worth.
        success_rate: Of the images that the defended model classifies correctly when clean, the share that it does not
            when attacked; None for clean rows.
        attacked: Images in the norms below: those that the attacked model classified correctly when clean.
        left_out: Images left out of the norms because they were misclassified already.
        zero_gradient: Of the attacked images, those for which the attack met nothing but zero gradients: that it failed
            there says nothing.
        l2_mean: Mean L2 norm of the perturbation, images in [0, 1].
        linf_max: Greatest perturbation of a channel, in grey levels (of 255).
        ssim_mean: Mean structural similarity of the clean and the adversarial image.
        median_minimal_l2: For minimal-norm attacks, the median L2 norm with failures counted as infinite.
        setting: What the attack was: norm, epsilon, steps, step_size, restarts, loss, labels, knowledge of the defence.
        resolution: Height and width in pixels at which the images were attacked, defended and classified.
        seconds: Time for the defended predictions of this row.
        attack_seconds: Time for making the adversarial images, once for all defences.
        conditional: Whether `n` are only those images that the attacks before had left: `top1` is no accuracy then.
        unreliable: Why the attack, not the defence, may be the reason for `top1`, which is an upper bound then and does
            not rank; None where nothing speaks against it.
        draws: How many draws of a randomised defence `top1` is a mean of.
        detection_n: Behind a gate: adversarial images that fooled the model that they were made on; of a worst case,
            images that are right when clean and fooled within epsilon, by the least suspicious example of each. None
            elsewhere.
        auc: How well the gate's suspicion tells these from clean images: the area under the ROC curve.
        auc_ci95: 95 % interval of `auc`.
        caught_1: The share of these above the threshold for 1 % false positives, chosen on other images; None where
            those were too few to choose it.
        caught_5: The same for 5 %.
        suspected: The share of these that the gate suspects at its own threshold; of the clean row, that of the clean
            images, its false positives.
        per_image: For each image the share of draws in which it is classified correctly, 0 or 1 where nothing is
            drawn; None where the attack was not tried.

    Raises:
        ValueError: A row of clean images has a threat, or another one has none.

    Example:
        >>> from tf_lowdef.results import Row
        >>> row = Row("oblivious", "bim:4", "webp:60+flip", n=4, correct=2, top1=0.5, ci95=(0.15, 0.85))
        >>> row.kind, row.epsilon, row.defence.layers
        ('attack', 4.0, ['webp', 'flip'])
        >>> row.name
        'oblivious bim:4 webp:60+flip'
    """

    threat: str | None
    attack: AttackName
    defence: DefenceName
    n: int
    correct: float
    top1: float
    ci95: tuple[float, float] = field(metadata={ENDS: ("ci95_low", "ci95_high")})
    success_rate: float | None = None
    attacked: int | None = _of_attack("images")
    left_out: int | None = _of_attack("left out")
    zero_gradient: int | None = None
    l2_mean: float | None = _of_attack("L2", 3)
    linf_max: float | None = _of_attack("Linf", 2)
    ssim_mean: float | None = _of_attack("SSIM", 4)
    median_minimal_l2: float | None = _of_attack("median minimal L2", 3)
    setting: dict[str, Any] = field(default_factory=dict)
    resolution: tuple[int, int] | None = field(default=None, metadata={ENDS: ("height", "width")})
    seconds: float = 0.0
    attack_seconds: float | None = _of_attack("seconds", 1)
    conditional: bool = False
    unreliable: str | None = None
    draws: int = 1
    detection_n: int | None = None
    auc: float | None = None
    auc_ci95: tuple[float, float] | None = field(default=None, metadata={ENDS: ("auc_low", "auc_high")})
    caught_1: float | None = None
    caught_5: float | None = None
    suspected: float | None = None
    per_image: tuple[float | None, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attack", AttackName(self.attack))
        object.__setattr__(self, "defence", DefenceName(self.defence))
        if (self.threat is None) != (self.kind == "clean"):
            raise ValueError(
                "A row of clean images has no threat, and every other one has. "
                f"Received: threat={self.threat!r}, attack={str(self.attack)!r}"
            )

    @property
    def kind(self) -> Kind:
        """``"clean"``, ``"attack"`` or ``"worst"``."""
        return self.attack.kind

    @property
    def epsilon(self) -> float | None:
        """The attack's bound, as the setting has it, or else the name; None where the attack seeks the smallest.

        In grey levels; where `norm` is ``"L2"``, of images with pixels in [0, 1].
        """
        found: float | None = self.setting.get("epsilon", self.attack.epsilon)
        return found

    @property
    def norm(self) -> str | None:
        """``"Linf"`` or ``"L2"``, as the setting has it, or else the name; None where neither tells."""
        found: str | None = self.setting.get("norm", self.attack.norm)
        return found

    @property
    def bound(self) -> Bound | None:
        """Norm and epsilon; None where there is no epsilon. Rows of different norms are never compared."""
        return None if self.epsilon is None else Bound(self.norm or LINF, self.epsilon)

    @property
    def name(self) -> str:
        """What no other row of the evaluation is called."""
        return row_name(self.threat, self.attack, self.defence)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, all but `per_image`."""
        return {each.name: getattr(self, each.name) for each in dataclasses.fields(self) if each.name != PER_IMAGE}

    def flat(self) -> dict[str, Any]:
        """Return the same with columns of their own for the ends of a pair and for each part of the setting."""
        plain, pairs = self.as_dict(), dict[str, Any]()
        for each in dataclasses.fields(self):
            if ENDS in each.metadata:
                pairs |= zip(each.metadata[ENDS], plain.pop(each.name) or (None, None), strict=True)
        setting = plain.pop("setting")
        return {**plain, **pairs, **{key: _plain(value) for key, value in setting.items() if key not in plain}}


def _plain(value: Any) -> Any:
    return "; ".join(str(each) for each in value) if isinstance(value, list | tuple) else value
