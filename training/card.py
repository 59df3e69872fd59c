"""The model card: what a bundle was trained on, under which licences, and how well it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blender.bundle import Bundle
from blender.judging.compare import Comparison
from blender.training.alarms import lines as alarm_lines
from blender.training.alarms import training_alarms
from blender.training.compare import Verdict, mean_over_sets
from blender.training.examples import once
from blender.training.outer import OutOfFold
from blender.training.prepare import Prepared
from blender.training.report import table

_SECTION = re.compile(r"^## Licence\s*\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a set comes from, and its licence in the words of whoever stated it."""

    title: str
    licence: str

    @classmethod
    def unknown(cls, dataset: str) -> Provenance:
        """A set about which nobody said anything."""
        return cls(title=dataset, licence="not stated to the training command")

    @classmethod
    def read(cls, path: Path) -> Provenance:
        """From a ``PROVENANCE.md`` with a title and a section *Licence*."""
        text = path.read_text(encoding="utf-8")
        title, licence = _TITLE.search(text), _SECTION.search(text)
        return cls(
            title=title.group(1).strip() if title else path.parent.name,
            licence=" ".join(licence.group(1).split()) if licence else "none stated",
        )


def provenance_in(folder: Path) -> Callable[[str], Provenance]:
    """Looks for ``folder/DATASET/PROVENANCE.md``."""

    def of(dataset: str) -> Provenance:
        path = folder / dataset / "PROVENANCE.md"
        return Provenance.read(path) if path.is_file() else Provenance.unknown(dataset)

    return of


def write_card(
    bundle: Bundle,
    prepared: Prepared,
    found: OutOfFold,
    compared: Mapping[str, Comparison],
    judgement: Verdict,
    provenance: Callable[[str], Provenance],
) -> str:
    """The card, markdown."""
    parts = (
        ["# Model card of a response-blender bundle", ""],
        _what(bundle),
        _data(prepared, provenance),
        _numbers(found, compared, judgement),
        _probabilities(bundle),
        alarm_lines(training_alarms(prepared, found)),
        _cautions(bundle.annotators),
    )
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _what(bundle: Bundle) -> Iterator[str]:
    order, trees = bundle.settings.get("order", {}), bundle.ranker.order.texts
    yield "Orders candidate answers of a dialogue system; gives P(sensible) and P(specific) where the labels had them."
    yield ""
    rounds = bundle.settings.get("rounds", 0) if trees else 0
    yield f"- Order: a linear score of z-scores in the pool, and {rounds} trees on top of it"
    yield f"  ({order.get('objective')}, {len(trees)} boosters averaged); the log-odds of the heads of P(sensible) and"
    yield f"  P(specific) are added with weight {bundle.ranker.head_weight:.2f}, to count as much as the rest."
    yield f"- Trained to order by: {bundle.target}."
    yield f"- Annotators: {', '.join(bundle.annotators)}."
    yield f"- Versions: {', '.join(f'{name} {number}' for name, number in bundle.versions.items())}."
    yield ""


def _data(prepared: Prepared, provenance: Callable[[str], Provenance]) -> Iterator[str]:
    yield "## Data"
    yield ""
    rows, seen = [], [prepared.labelled[at] for at in once(prepared.examples.views)]
    for dataset in dict.fromkeys(prepared.examples.datasets):
        pools = [pool for pool in seen if pool.dataset == dataset]
        families = ", ".join(dict.fromkeys(pool.family for pool in pools))
        about = provenance(dataset)
        cells = (dataset, families, str(len(pools)), str(sum(map(len, pools))), about.title, about.licence)
        rows.append([cell.replace("|", "/") for cell in cells])
    yield from table(["set", "family", "contexts", "candidates", "what it is", "licence as stated"], rows)
    yield ""


def _numbers(found: OutOfFold, compared: Mapping[str, Comparison], judgement: Verdict) -> Iterator[str]:
    yield "## Head-room recovered"
    yield ""
    yield f"Per cent, {found.how}; machine candidates only, where the labels say who made them;"
    yield "95 % intervals over contexts."
    yield ""
    if found.impossible:
        yield found.impossible
        yield ""
    rows = [
        [policy, *(one.row(policy).recovered.shown(0) for one in compared.values()), f"{100 * mean:.1f}"]
        for policy, mean in mean_over_sets(dict(compared)).items()
    ]
    rows.append(["contexts", *(str(one.contexts) for one in compared.values()), ""])
    yield from table(["policy", *compared, "mean"], rows)
    yield ""
    yield from judgement.sentences()
    yield ""


def _probabilities(bundle: Bundle) -> Iterator[str]:
    judged = bundle.metrics.get("probabilities", {})
    if not judged:
        return
    yield "## Probabilities"
    yield ""
    yield "On data that was left out: Brier score beside that of always giving the set's base rate; expected"
    yield "calibration error beside what a perfectly calibrated predictor would show on as many rows."
    yield ""
    rows = []
    for label, sets in judged.items():
        for dataset, one in sets.items():
            figures = (one[key] for key in ("brier", "brier_of_base_rate", "calibration_error", "noise_floor"))
            rows.append([label, dataset, one["rows"], *(f"{value:.3f}" for value in figures)])
    yield from table(["probability", "set", "rows", "Brier", "base rate's", "calibration error", "noise floor"], rows)
    yield ""


def meant_for(sources: Sequence[str]) -> str:
    """What to tell of a ranker that knows its sources."""
    return f"It knows who made an answer, and is meant for these sources: {', '.join(sources)}."


def _cautions(annotators: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "## Cautions"
    yield ""
    yield "- The order is meant for candidates of one dialog; only the probabilities compare between dialogs."
    yield "- The probabilities are calibrated on the sets above. Raters of another set may be stricter or kinder."
    yield "- Labels carry the habits of their raters, such as a liking for length."
    if known := annotators.get("source", {}).get("names", ()):
        yield f"- {meant_for(known)}"
    if "origin" in annotators:
        yield "- It reads what sources say of their candidates (`origin`): it is for those it learnt from."
