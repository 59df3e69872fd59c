"""Tables of the safety head, as markdown and for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from blender.training.report import table
from blender.training.safety.plans import Ready
from blender.training.safety.rivals import OTHER
from blender.training.safety.run import OURS, RIVAL, Judged
from blender.training.safety.sets import DIALOGUE, Exchange

AIM = 0.10
"""What the head was to gain over the better rival, in AUROC, on every dialogue set."""
MODELS = (OURS, RIVAL, OTHER)


def set_lines(judged: Mapping[str, Judged]) -> list[str]:
    """AUROC, margin and recall by set."""
    rows = []
    for name, one in judged.items():
        for model in (each for each in MODELS if each in one.told):
            told = one.told[model]
            margin = told.margin.shown(3, scale=1, sign="+") if told.margin else ""
            auroc, recall = (each.shown(3, scale=1) for each in (told.auroc, told.recall))
            rows.append([name, f"{one.n} ({one.toxic})", model, auroc, margin, recall])
    head = ["set, left out", "rows (toxic)", "model", "AUROC", "less the better rival", "recall at 1 % false alarms"]
    return table(head, rows)


def verdict(judged: Mapping[str, Judged]) -> list[str]:
    """Sentences on the aim, one a dialogue set, and on their mean."""
    said = []
    for name in DIALOGUE:
        margin = judged[name].told[OURS].margin
        if margin is None:
            continue
        word = "reached" if margin.value >= AIM else "missed"
        said.append(f"{name}: {100 * margin.value:+.1f} points over the better rival; the aim of +10 is {word}.")
    return said


def kind_lines(ready: Ready, judged: Mapping[str, Judged]) -> list[str]:
    """AUROC within the categories of DiaSafety, of ToxiChat's two kinds of turn, and against agreement alone."""
    rows = []
    for title, name, chosen, toxic in _kinds(ready):
        scores = judged[name].scores
        cells = [
            f"{roc_auc_score(toxic[chosen], scores[model][chosen]):.3f}" if model in scores else "-" for model in MODELS
        ]
        rows.append([title, f"{int(chosen.sum())} ({int(toxic[chosen].sum())})", *cells])
    return table(["rows", "n (toxic)", *MODELS], rows)


def _kinds(ready: Ready) -> Iterator[tuple[str, str, NDArray[np.bool_], NDArray[np.bool_]]]:
    for name in ("diasafety", "toxichat"):
        rows = _judged_rows(ready, name)
        toxic = np.array([row.toxic for row in rows])
        for kind in sorted({row.kind for row in rows}):
            yield f"{name}: {kind}", name, np.array([row.kind == kind for row in rows]), toxic
        if name == "toxichat":
            agrees = np.array([row.agrees for row in rows])
            yield f"{name}: agrees with a toxic turn, against clean", name, agrees | ~toxic, agrees


def _judged_rows(ready: Ready, name: str) -> list[Exchange]:
    return [row for row in ready.material[name].exchanges if not row.learn_only]


def values_of(judged: Mapping[str, Judged]) -> dict[str, Any]:
    """All figures by set, for JSON."""
    return {
        name: {
            "rows": one.n,
            "toxic": one.toxic,
            "contexts": one.groups,
            "penalty": one.strength,
            "models": one.told,
        }
        for name, one in judged.items()
    }
