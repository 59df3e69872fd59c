"""What is written about a safety head: the lists, the alarms, the card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from blender.matrix import Floats
from blender.models.linear_text import load_toxicity
from blender.models.safety import SafetyHead
from blender.training.card import provenance_in
from blender.training.report import table
from blender.training.safety.lists import KNOWN, Line, Lists, score_lines
from blender.training.safety.plans import Plan
from blender.training.safety.rivals import OTHER, WORDS, other_installed, other_scores
from blender.training.safety.run import OURS, RIVAL
from blender.training.safety.sets import READERS

GUARD = {"en": 0.8, "ru": 0.9}
"""Cut-offs of the toxicity guard on the model of words."""
_MIDDLE = 0.5  # where nothing says what cut-off a model wants


def list_values(head: SafetyHead, lists: Lists) -> dict[str, Any]:
    """Alarms on the harmless list and catches on the toxic one, each model at its own cut-off."""
    locale = head.manifest.locale
    found: dict[str, Any] = {}
    for model, limit in _limits(head).items():
        harmless, toxic = (_scores(model, head, part) for part in (lists.harmless, lists.toxic))
        alarms = [line.answer for line, score in zip(lists.harmless, harmless, strict=True) if score > limit]
        both = np.concatenate([toxic, harmless])
        truth = np.arange(len(both)) < len(toxic)
        found[model] = {
            "cut-off": limit,
            "false alarms": alarms,
            "harmless": len(harmless),
            "caught": int((toxic > limit).sum()),
            "missed": [line.answer for line, score in zip(lists.toxic, toxic, strict=True) if score <= limit],
            "toxic": len(toxic),
            "AUROC": round(float(roc_auc_score(truth, both)), 3),
            "known": dict(zip(KNOWN[locale], _scores(model, head, _lines(locale)).round(3).tolist(), strict=True)),
        }
    return found


def _limits(head: SafetyHead) -> dict[str, float]:
    locale = head.manifest.locale
    limits = {OURS: head.manifest.cutoff, RIVAL: GUARD[locale]}
    return limits | ({OTHER: _MIDDLE} if locale == "en" and other_installed() else {})


def _lines(locale: str) -> tuple[Line, ...]:
    return tuple(Line(locale=locale, theme="known", answer=text) for text in KNOWN[locale])


def _scores(model: str, head: SafetyHead, lines: tuple[Line, ...]) -> Floats:
    texts = [line.answer for line in lines]
    if model == OURS:
        return score_lines(head, lines)
    return other_scores(texts) if model == OTHER else load_toxicity(WORDS[head.manifest.locale]).score(texts)


def list_lines(values: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The lists as a table; ``values`` by language, then model."""
    rows = []
    for locale, models in values.items():
        for model, one in models.items():
            known = "; ".join(f"{text} {score:.2f}" for text, score in one["known"].items())
            alarms, caught = f"{len(one['false alarms'])} of {one['harmless']}", f"{one['caught']} of {one['toxic']}"
            rows.append([locale, model, f"{one['cut-off']:.2f}", alarms, caught, f"{one['AUROC']:.3f}", known])
    return table(["list", "model", "cut-off", "false alarms", "toxic caught", "AUROC", "known false alarms"], rows)


def card(name: str, plan: Plan, cutoff: float, data: Path, lines: list[str], command: str) -> str:
    """The model card, markdown."""
    licence = provenance_in(data)
    sources = [f"- {one}: {licence(one).licence}" for one in READERS]
    return "\n".join(
        [
            f"# Safety head `{name}`",
            "",
            f"For {plan.locale}: P(toxic) of an answer given the last turn. Linear weights on `{plan.encoder}`, beside "
            f"`{plan.words}`.",
            f"Made by `{command}`. Cut-off: {cutoff}.",
            "",
            "Learned from English text alone, whatever language it is for:",
            "",
            *sources,
            "- ordinary talk: `chitchat_dataset` (MIT), taken to be clean",
            "",
            "Not for deciding about people: it misses most polite hate, and much agreement with an offence. With each "
            "set left out:",
            "",
            *lines,
            "",
        ]
    )
