"""From the sets to a safety head: each set judged by a head that never saw it, then a head of all, and its cut-off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from blender.errors import BadModel
from blender.manifest import replacing, sha256
from blender.matrix import Floats
from blender.models.encoder import load_encoder
from blender.models.linear_text import load_toxicity
from blender.models.safety import CARD, MANIFEST, VERSION, WEIGHTS, SafetyManifest
from blender.training.safety.fit import Fitted, fit
from blender.training.safety.measure import Told, tell
from blender.training.safety.plans import HARMLESS, Plan, Ready
from blender.training.safety.rivals import OTHER, other_installed, other_scores
from blender.training.safety.sets import DIALOGUE, READERS

OURS = "safety head"
RIVAL = "toxicityclassifier"
QUIET = 0.999
"""Share of harmless talk that must lie below the cut-off."""
FEW = 0.99
"""Share of the clean rows of a dialogue set, judged by heads that never saw the set, that must lie below it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What a set says of a head that never saw it.

    Attributes:
        scores: P(toxic) by model, of the rows that are judged, float32 (n,).
        told: figures by model.
        strength: of the penalty, chosen on the other sets.
        n: rows.
        toxic: of them.
        groups: contexts, the unit of the bootstrap.
    """

    scores: Mapping[str, Floats]
    told: Mapping[str, Told]
    strength: float
    n: int
    toxic: int
    groups: int


def judge(ready: Ready, name: str, seed: int) -> Judged:
    """Train on the other sets and judge on this one, beside the models of words."""
    head = fit(ready.rows, ready.moments, [one for one in (*READERS, HARMLESS) if one != name])
    rows, material = ready.rows[name], ready.material[name].part(ready.rows[name].judged)
    scores = {OURS: head.score(rows)[rows.judged], RIVAL: material.said}
    if other_installed():
        scores[OTHER] = other_scores([row.answer for row in material.exchanges])
    groups = [row.group for row in material.exchanges]
    told = tell(scores, material.toxic, groups, [one for one in scores if one != OURS], seed=seed)
    return Judged(
        scores=scores,
        told=told,
        strength=head.strength,
        n=len(groups),
        toxic=int(material.toxic.sum()),
        groups=len(set(groups)),
    )


def fit_all(ready: Ready) -> Fitted:
    """The head of all sets."""
    return fit(ready.rows, ready.moments, (*READERS, HARMLESS))


def cut_off(head: Fitted, ready: Ready, judged: Mapping[str, Judged]) -> float:
    """The highest of: what ``QUIET`` of harmless talk not learned from, and ``FEW`` of each dialogue set, lie below."""
    points = [np.quantile(head.score(ready.rows["chosen"]), QUIET)]
    for name in DIALOGUE:
        clean = ~ready.material[name].toxic[ready.rows[name].judged]
        points.append(np.quantile(judged[name].scores[OURS][clean], FEW))
    return round(float(max(points)), 4)


def save(
    folder: Path,
    plan: Plan,
    ready: Ready,
    head: Fitted,
    cutoff: float,
    metrics: Mapping[str, Any],
    card: str,
    seed: int,
) -> None:
    """Write a head aside, then put it in place of what is there.

    Raises:
        BadModel: ``folder`` holds something else, or cannot be written.
    """
    from safetensors.numpy import save as packed

    if folder.exists() and not (folder / MANIFEST).is_file() and any(folder.iterdir()):
        raise BadModel(f"{folder} exists and is not a safety head; name a new or empty folder")
    raw = packed({"center": ready.own_center, "weights": head.weights})
    manifest = SafetyManifest(
        version=VERSION,
        locale=plan.locale,
        encoder=plan.encoder,
        encoder_fingerprint=load_encoder(plan.encoder).fingerprint,
        words=plan.words,
        words_fingerprint=load_toxicity(plan.words).fingerprint,
        words_shift=ready.shift,
        words_scale=ready.scale,
        curve=head.curve,
        cutoff=cutoff,
        settings={"seed": seed, "strength": head.strength, **asdict(plan)},
        metrics=dict(metrics),
        sha256=sha256(raw),
    )
    try:
        with replacing(folder) as aside:
            (aside / WEIGHTS).write_bytes(raw)
            (aside / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
            (aside / CARD).write_text(card, encoding="utf-8")
    except OSError as fault:
        raise BadModel(f"the head could not be written to {folder}: {fault.strerror or fault}") from None
