"""What an evaluation gives: rows, what was run, and what a reader asks of them."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tf_lowdef.bounds import LINF, Bound, in_order
from tf_lowdef.results.accuracy import accuracy_table
from tf_lowdef.results.certificate import Certificate
from tf_lowdef.results.certified_table import certified_table
from tf_lowdef.results.classes import read_class_names
from tf_lowdef.results.comparison import Comparison
from tf_lowdef.results.names import BARE, DefenceName, Kind
from tf_lowdef.results.row import Row
from tf_lowdef.results.run_folder import read_run, write_run
from tf_lowdef.results.table import html_table, unique
from tf_lowdef.threats import OBLIVIOUS, THREATS

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

PREFERRED_BOUND = Bound(LINF, 4.0)
"""What a report puts first."""


@dataclass(frozen=True)
class Results:
    """The rows of an evaluation, and what was run.

    Attributes:
        run: Arguments, versions, hashes, skipped images, warnings.
        rows: One for each attack and defence.
        comparisons: Of every two defences under each attack; unreliable and conditional rows are not compared.
        images: Names of the images, in the order of the rows' `per_image`.
        certified: What smoothed classifiers are certified for: see :func:`tf_lowdef.certify`.
        labels: Their classes, in the same order; none where these are not known.
        about: The defence that a report is about, such as a sweep's choice; None leaves it to `subject`. It is not
            stored.

    Example:
        >>> from tf_lowdef.results import Results, Row
        >>> rows = [
        ...     Row(None, "none", "flip", n=4, correct=4, top1=1.0, ci95=(0.51, 1.0)),
        ...     Row("oblivious", "bim:4", "flip", n=4, correct=2, top1=0.5, ci95=(0.15, 0.85)),
        ... ]
        >>> results = Results({}, rows)
        >>> results
        Results(1 defence, 1 attack, 4 images, 0 warnings)
        >>> results.row("bim:4", "flip").top1, results.clean("flip").top1
        (0.5, 1.0)
        >>> results.save("run")
        >>> Results.load("run").rows == results.rows
        True
    """

    run: dict[str, Any]
    rows: Sequence[Row]
    comparisons: Sequence[Comparison] = ()
    images: Sequence[str] = ()
    certified: Sequence[Certificate] = ()
    labels: Sequence[int] = ()
    about: str | None = None

    @property
    def warnings(self) -> list[str]:
        """What may make the rows worthless, in words; it stands in every output."""
        return list(self.run.get("warnings", []))

    @property
    def class_names(self) -> list[str | None]:
        """The names of the classes by index, as far as the data named them."""
        return read_class_names(self.run)

    @property
    def n(self) -> int:
        """How many images were counted; 0 without any row."""
        return max((row.n for row in self.rows), default=0)

    @property
    def defences(self) -> list[DefenceName]:
        """The defences in the order of the rows."""
        return list(dict.fromkeys(row.defence for row in self.rows))

    @property
    def threats(self) -> list[str]:
        """The threats in the order of the rows; none where there are only clean images."""
        return unique(row.threat for row in self.rows if row.threat is not None)

    @property
    def bound(self) -> Bound | None:
        """The norm and epsilon that a report puts first; None where there is none.

        4 grey levels, or else the smallest epsilon in Linf; one in L2 where nothing was tried in Linf. Epsilon 0, at
        which nobody attacks, only where there is no other.
        """
        known = in_order(row.bound for row in self.rows if row.bound is not None)
        known = [bound for bound in known if bound.epsilon > 0] or known
        return PREFERRED_BOUND if PREFERRED_BOUND in known else next(iter(known), None)

    @property
    def epsilon(self) -> float | None:
        """The epsilon of `bound`."""
        return None if self.bound is None else self.bound.epsilon

    @property
    def subject(self) -> DefenceName:
        """The defence that a report is about.

        The one that was asked for; or that the package is for, WebP and a flip; or else the best against an attacker
        who does not know of it.
        """
        if self.about is not None:
            return DefenceName(self.about)
        others = [defence for defence in self.defences if defence != BARE]
        ours = [defence for defence in others if defence.layers[0] == "webp" and "flip" in defence.layers[1:]]
        best = {defence: row.top1 for defence in others if (row := self.strongest(defence)) is not None}
        ranked = ours or sorted(best, key=lambda defence: -best[defence])
        return next(iter([*ranked, *others]), DefenceName(BARE))

    def row(self, attack: str, defence: str, threat: str | None = OBLIVIOUS) -> Row:
        """Return one row; clean images know no threat.

        Raises:
            KeyError: There is none.
        """
        for row in self.rows:
            if (row.attack, row.defence) == (attack, defence) and row.threat in (threat, None):
                return row
        raise KeyError(f"no row for attack {attack!r}, defence {defence!r}, threat {threat!r}")

    def select(
        self,
        *,
        kind: Kind | None = None,
        threat: str | None = None,
        attack: str | None = None,
        defence: str | None = None,
        epsilon: float | None = None,
        norm: str | None = None,
        conditional: bool | None = None,
    ) -> list[Row]:
        """Return the rows of which all of this is true, in order; None asks nothing.

        Args:
            kind: ``"clean"``, ``"attack"`` or ``"worst"``.
            threat: Such as ``"adaptive"``; clean images have none.
            attack: Such as ``"bim:4"``.
            defence: Such as ``"webp:60+flip"``.
            epsilon: In grey levels; in L2 of images with pixels in [0, 1].
            norm: ``"Linf"`` or ``"L2"``.
            conditional: Whether the rows are of images that the attacks before had left.
        """
        asked = {
            "kind": kind, "threat": threat, "attack": attack, "defence": defence, "epsilon": epsilon,
            "norm": norm, "conditional": conditional,
        }  # fmt: skip
        wanted = {name: value for name, value in asked.items() if value is not None}
        return [row for row in self.rows if all(getattr(row, name) == value for name, value in wanted.items())]

    def clean(self, defence: str) -> Row | None:
        """Return a defence's row of clean images, None where there is none."""
        return next(iter(self.select(kind="clean", defence=defence)), None)

    def strongest(self, defence: str, epsilon: float | None = None, norm: str = LINF) -> Row | None:
        """Return the most harmful attack of those who do not know of a defence; a reliable one, if there is one.

        Of these attackers the one who knows most counts: the oblivious one, or where only he was tried, the one who
        attacks another model.

        Args:
            defence: Its name.
            epsilon: None means `Results.bound`. Where nothing was tried at it, any of its norm counts, or else any.
            norm: Of `epsilon`.
        """
        bound = self.bound if epsilon is None else Bound(norm, epsilon)
        for threat in (name for name, threat in THREATS.items() if not threat.knows_defence):
            rows = self.select(threat=threat, defence=defence, conditional=False)
            if rows:
                alike = [row for row in rows if row.bound is None or bound is None or row.bound.norm == bound.norm]
                rows = [row for row in rows if row.bound == bound] or alike or rows
                return min(rows, key=lambda row: (row.unreliable is not None, row.top1))
        return None

    def worst(self, defence: str, epsilon: float | None = None, norm: str = LINF) -> Row | None:
        """Return the worst case of a defence against an attacker who knows of it, None where that was not tried.

        Args:
            defence: Its name.
            epsilon: None means `Results.bound`.
            norm: Of `epsilon`.
        """
        bound = self.bound if epsilon is None else Bound(norm, epsilon)
        rows = self.select(kind="worst", defence=defence)
        return next((row for row in rows if bound is not None and row.bound == bound), None)

    def compared(self, defence: str) -> list[Comparison]:
        """Return the comparisons of a defence with others, each turned so that this defence is the first."""
        return [each.seen_from(defence) for each in self.comparisons if defence in (each.first, each.second)]

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``run.json``, ``results.json``, ``results.csv`` and ``correct.csv``, each whole or not at all.

        Where something was certified, ``certified.csv`` too: a line an image, with its class, radius and draws.
        ``correct.csv`` has a line an image, with its label and the name of its class, and a column a row: what
        `Row.per_image` holds, empty for None. JSON has no infinity: an infinite norm is the text ``"inf"``.
        """
        write_run(self, folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], strict: bool = True) -> Results:
        """Read what `save` wrote.

        Args:
            folder: A run's.
            strict: Whether to refuse a folder in which anything is wrong; otherwise what can be used of it is returned,
                and what is wrong stands among the warnings.

        Raises:
            FileNotFoundError: The folder holds no results.
            ValueError: They are damaged; where not `strict`, beyond use.
        """
        return cls(*read_run(folder, strict))

    def to_pandas(self) -> DataFrame:
        """Return a ``pandas.DataFrame`` with a line a row and the columns of ``results.csv``; warnings in its `attrs`.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("Results.to_pandas needs pandas: pip install pandas") from error
        frame = DataFrame([row.flat() for row in self.rows])
        frame.attrs["warnings"] = self.warnings
        return frame

    def plot(self) -> Figure:
        """Return the picture of a report: top-1 accuracy of every defence under every attack, a Matplotlib figure."""
        from tf_lowdef.results.plot import accuracy_figure

        return accuracy_figure(self)

    def plot_certified(self) -> Figure:
        """Return certified accuracy over the L2 radius, with its 95 % band: a Matplotlib figure."""
        from tf_lowdef.results.certified_plot import certified_figure

        return certified_figure(self)

    def __repr__(self) -> str:
        attacks = len({(row.threat, row.attack) for row in self.select(kind="attack")})
        counts = {"defence": len(self.defences), "attack": attacks, "image": self.n, "warning": len(self.warnings)}
        said = (f"{count} {what}" + "s" * (count != 1) for what, count in counts.items())
        return f"Results({', '.join(said)})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the warnings, the table of accuracies, and that of what was certified."""
        warnings = "".join(f"<li>{html.escape(warning)}</li>" for warning in self.warnings)
        told = f"<p><strong>Before you believe a number:</strong></p><ul>{warnings}</ul>" if warnings else ""
        shown = f"{told}<p>Top-1 accuracy in %, {self.n} images.</p>{html_table(accuracy_table(self, intervals=True))}"
        if not self.certified:
            return shown
        return f"{shown}<p>Certified accuracy in %; radii for images in [0, 1].</p>{html_table(certified_table(self))}"
