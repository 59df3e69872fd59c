"""A bundle's probabilities on other data: a few labels move its calibration curves, and leave its order as it is.

Raters of another place are stricter or kinder, and other sources are easier or harder to tell apart. Both are a shift
and a scale of the log-odds (Platt 1999); with few labels they are drawn towards none, so that no label changes nothing
and a hundred settle the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, special

from blender.bundle import HEADS, Bundle
from blender.errors import BadInput
from blender.matrix import Doubles
from blender.terms import Curve, Head

SHIFT, SCALE = 1.0, 0.5
"""How far a new place is expected to differ: standard deviations of the shift (log-odds) and of the scale."""
FEWEST = 10
_EDGE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How a curve was moved: the log-odds z became ``middle + shift + scale (z - middle)``.

    Attributes:
        middle: mean log-odds of the labelled candidates by the old curve.
        shift: above 0: these raters are kinder.
        scale: below 1: probabilities were too bold here; 0: they told nothing.
        labels: candidates it was fitted on.
    """

    middle: float
    shift: float
    scale: float
    labels: int

    def apply(self, curve: Curve) -> Curve:
        """The moved curve, through the same raw scores."""
        odds = special.logit(np.clip(curve.y, _EDGE, 1 - _EDGE))
        moved = special.expit(self.middle + self.shift + self.scale * (odds - self.middle))
        return Curve(x=curve.x, y=np.clip(moved, _EDGE, 1 - _EDGE))


def fit_move(curve: Curve, raw: Doubles, label: Doubles) -> Moved:
    """How a curve must be moved to fit labels of another place: the most likely shift and scale, given what is usual.

    Args:
        curve: of the head.
        raw: the head's raw scores of labelled candidates, float64 (n,).
        label: their labels, float64 (n,) on 0..1; NaN = not labelled, left out.

    Raises:
        BadInput: fewer than ten candidates are labelled, or a label is not on 0..1.
    """
    known = ~(np.isnan(label) | np.isnan(raw))
    if known.sum() < FEWEST:
        raise BadInput(f"recalibrating takes at least {FEWEST} labelled candidates, got {known.sum()}; label some more")
    truth = label[known]
    if truth.min() < 0 or truth.max() > 1:
        raise BadInput(f"labels must lie on 0..1, got {truth.min():g} to {truth.max():g}; scale them")
    odds = special.logit(np.clip(curve(raw[known]), _EDGE, 1 - _EDGE).astype(np.float64))
    middle = float(odds.mean())
    weight = 1 / dispersion(truth)

    def loss(at: Doubles) -> float:
        z = middle + at[0] + at[1] * (odds - middle)
        prior = (at[0] / SHIFT) ** 2 + ((at[1] - 1) / SCALE) ** 2
        return float(weight * (np.logaddexp(0, z) - truth * z).sum() + prior / 2)

    # Convex. A falling curve would turn the head round: then the flat one is the honest answer.
    found = optimize.minimize(loss, [0.0, 1.0], bounds=[(None, None), (0, None)], method="L-BFGS-B")  # type: ignore[no-untyped-call]
    return Moved(middle=middle, shift=float(found.x[0]), scale=float(found.x[1]), labels=int(known.sum()))


def dispersion(truth: Doubles) -> float:
    """Variance of labels over that of a yes or no with their mean, 0.05 to 1 (quasi-likelihood, Wedderburn 1974).

    The mean of several raters varies less than one rater's word and tells more: it weighs more against what is usual.
    """
    mean = float(truth.mean())
    spread = mean * (1 - mean)
    # All yes or all no: nothing varies, and nothing says that several raters stand behind each.
    return 1.0 if spread < 1e-6 else float(np.clip(truth.var() / spread, 0.05, 1.0))


def recalibrated(
    bundle: Bundle, raw: Mapping[str, Doubles], labels: Mapping[str, Doubles], data: Mapping[str, str] | None = None
) -> Bundle:
    """A bundle whose curves fit labels of another place; what it chooses stays the same.

    Args:
        bundle: as trained.
        raw: raw scores of labelled candidates by head (``sensible``, ``specific``), float64 (n,).
        labels: labels by head, float64 (n,) on 0..1; NaN = not labelled. A head without ten labels stays as it is.
        data: digests of the label files that the bundle has seen with these, by name; default: those it had.

    Raises:
        BadInput: no head can be moved: the bundle has none, or too few labels are given.
    """
    moved: dict[str, Moved] = {}
    heads: dict[str, Head] = {}
    for name in HEADS:
        head: Head | None = getattr(bundle.ranker, name)
        if head is not None and name in labels and (~np.isnan(labels[name])).sum() >= FEWEST:
            moved[name] = fit_move(head.curve, raw[name], labels[name])
            heads[name] = replace(head, curve=moved[name].apply(head.curve))
    if not moved:
        has = [name for name in HEADS if getattr(bundle.ranker, name) is not None]
        counts = ", ".join(f"{int((~np.isnan(label)).sum())} as to {name}" for name, label in labels.items())
        raise BadInput(
            f"nothing to recalibrate: the bundle gives {' and '.join(has) or 'no probabilities'}, labelled candidates: "
            f"{counts}; give at least {FEWEST} candidates labelled with what it gives"
        )
    told = {
        name: {"shift": one.shift, "scale": one.scale, "middle": one.middle, "labels": one.labels}
        for name, one in moved.items()
    }
    return replace(
        bundle,
        ranker=replace(
            bundle.ranker,
            sensible=heads.get("sensible", bundle.ranker.sensible),
            specific=heads.get("specific", bundle.ranker.specific),
        ),
        settings={**bundle.settings, "recalibrated": told},
        data=bundle.data if data is None else data,
        card=f"{bundle.card.rstrip()}\n\n{_section(moved)}",
        fingerprint="",
    )


def _section(moved: Mapping[str, Moved]) -> str:
    """What the card says of it; a bundle that is recalibrated again has a section for each time."""
    moves = "".join(
        f"- P({name}): log-odds shifted by {one.shift:+.2f}, scaled by {one.scale:.2f}, by {one.labels} labels\n"
        for name, one in moved.items()
    )
    return (
        "## Recalibrated\n\nThe curves of these probabilities were moved to fit labels of another place; the order of "
        "candidates, and every figure about it, stayed. Figures about probabilities above are those of the bundle "
        f"before.\n\n{moves}"
    )
