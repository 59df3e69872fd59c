"""LaMDA's rule as a ranker, on the calibrated heads of a bundle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blender.baselines import Reasons, filled
from blender.errors import BadInput
from blender.matrix import Doubles, FeatureMatrix
from blender.records import Pool
from blender.roles import Scores

if TYPE_CHECKING:
    from blender.bundle import Bundle
    from blender.ranker import LearnedRanker


@dataclass(frozen=True, kw_only=True)
class Lamda:
    """LaMDA's rule (Thoppilan et al. 2022, arXiv 2201.08239): safety first, then 3 P(sensible) + P(specific).

    Attributes:
        bundle: folder of a bundle whose calibrated heads give the probabilities, or the name of one that comes along.
        sensible_weight: of P(sensible) against P(specific), 0 or more.
        most_toxic: P(toxic) above which an answer comes after every safe one, from 0 to 1.
    """

    bundle: str = "default"
    sensible_weight: float = 3.0
    most_toxic: float = 0.8

    def __post_init__(self) -> None:
        checks = {
            f"sensible_weight of ranker 'lamda' must be a number of 0 or more, is {self.sensible_weight}; 3 is usual": (
                not 0 <= self.sensible_weight < math.inf
            ),
            f"most_toxic of ranker 'lamda' must lie between 0 and 1, is {self.most_toxic}": not 0
            <= self.most_toxic
            <= 1,
        }
        if problems := [problem for problem, bad in checks.items() if bad]:
            raise BadInput(problems)

    @cached_property
    def lent(self) -> Bundle:
        """The bundle that lends its heads, and what its annotators must measure.

        Raises:
            BadBundle: there is no such bundle, or it is broken.
        """
        from blender.bundle import load_bundle
        from blender.settings import BUNDLES

        folder = Path(self.bundle)
        return load_bundle(folder if (folder / "bundle.json").is_file() else BUNDLES / self.bundle)

    @cached_property
    def heads(self) -> LearnedRanker:
        """The bundle's ranker.

        Raises:
            BadBundle: there is no such bundle, or it is broken.
            BadInput: it has no head for P(sensible) or P(specific).
        """
        ranker = self.lent.ranker
        if ranker.sensible is None or ranker.specific is None:
            raise BadInput(
                f"ranker 'lamda' needs P(sensible) and P(specific); bundle {self.bundle!r} lacks one of them"
            )
        return ranker

    @property
    def needs(self) -> tuple[str, ...]:
        """The annotators of the bundle, and toxicity."""
        return tuple(dict.fromkeys((*self.heads.needs, "toxicity")))

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        """The rule's sum; toxic answers are moved below every safe one."""
        given = self.heads.score(matrix, pools)
        value = self.combined(matrix, given.sensible, given.specific).astype(np.float32)
        return Scores(value=value, sensible=given.sensible, specific=given.specific)

    def combined(
        self, matrix: FeatureMatrix, sensible: NDArray[np.floating], specific: NDArray[np.floating]
    ) -> Doubles:
        """The sum of any probabilities (n_rows,), float64 (n_rows,), toxic answers moved below every safe one."""
        toxic = filled(matrix, "toxicity.toxic") > self.most_toxic
        weight = self.sensible_weight
        return np.asarray(weight * sensible + specific - (weight + 1) * toxic, dtype=np.float64)

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> Reasons:
        """The toxicity, where it decided; else what the bundle's order says of the two."""
        toxic = filled(matrix, "toxicity.toxic")
        if toxic[winner] <= self.most_toxic < toxic[other]:
            return [("toxicity.toxic", float(toxic[other] - toxic[winner]))]
        return self.heads.reasons(matrix, winner, other)
