"""How the probabilities of rankers that saw nothing of a set correlate with its human scores, answer by answer.

The track in which dialogue metrics are usually compared (Yeh et al. 2021, arXiv:2106.03706). It says more about who
spoke than about which answer to choose: beside each figure stands the *source-name oracle*, the correlation of knowing
nothing of an answer but the mean score of its source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from blender.judging.headroom import Interval
from blender.judging.rank_correlation import spearman
from blender.training.examples import Doubles, once
from blender.training.outer import OutOfFold
from blender.training.prepare import Prepared

FEWEST = 50
SCORES: tuple[str, ...] = ("P(sensible)", "P(specific)", "mean of both")


class _Row(msgspec.Struct):
    """What is read of a label file beyond what pools hold: every question that raters were asked."""

    dialog_id: str
    response: str
    labels: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A human score and what correlates with it, Spearman's rho.

    Attributes:
        dataset: the set, and the part of it.
        question: what raters were asked.
        n: answers.
        rho: by score, with a 95 % bootstrap interval over contexts.
        source_oracle: of the mean score of an answer's source; NaN where sources are unknown or one.
    """

    dataset: str
    question: str
    n: int
    rho: Mapping[str, Interval]
    source_oracle: float


def correlations(prepared: Prepared, found: OutOfFold, files: Sequence[Path], seed: int = 0) -> list[Track]:
    """Every set, and of a set made of several corpora each part, by every question with a scale."""
    examples, spans = prepared.examples, list(prepared.examples.matrix.groups())
    asked = _answers(files)
    parts: dict[str, list[int]] = {}
    for at in once(examples.views):
        name = examples.datasets[at]
        families = {f for d, f in zip(examples.datasets, examples.families, strict=True) if d == name}
        parts.setdefault(f"{name}, {examples.families[at]}" if len(families) > 1 else name, []).append(at)
    tracks = []
    for name, pools in parts.items():
        rows = np.concatenate([np.arange(spans[at].start, spans[at].stop) for at in pools])
        both = (found.sensible + found.specific) / 2
        scores = dict(zip(SCORES, (found.sensible[rows], found.specific[rows], both[rows]), strict=True))
        owner = np.repeat(np.arange(len(pools)), [spans[at].stop - spans[at].start for at in pools])
        for question, truth in _questions(prepared, pools, asked).items():
            sources = [_source(c.source, c.kind) for at in pools for c in prepared.labelled[at].pool.candidates]
            track = _track(name, question, truth, scores, owner, sources, seed)
            tracks += [track] if track else []
    return tracks


def _questions(
    prepared: Prepared, pools: Sequence[int], asked: Mapping[tuple[str, str], Mapping[str, float]]
) -> dict[str, Doubles]:
    """Human scores of the pools' answers by question, NaN = not asked."""
    labelled = [prepared.labelled[at] for at in pools]
    found = {
        name: np.concatenate([np.asarray(getattr(one, name), dtype=np.float64) for one in labelled])
        for name in ("overall", "sensible", "specific")
    }
    keys = [(one.pool.dialog.id, text) for one in labelled for text in one.pool.texts]
    own = dict.fromkeys(question for key in keys for question in asked.get(key, {}))
    return found | {f"{name}*": np.array([asked.get(key, {}).get(name, np.nan) for key in keys]) for name in own}


def _answers(files: Sequence[Path]) -> dict[tuple[str, str], dict[str, float]]:
    """Mean of each question's ratings, by dialog and answer."""
    decoder = msgspec.json.Decoder(_Row)
    rows = (decoder.decode(line) for path in files for line in path.read_bytes().splitlines() if line.strip())
    return {
        (row.dialog_id, row.response): {
            name: float(np.mean(given))
            for name, given in row.labels.items()
            if isinstance(given, list) and given and all(isinstance(one, int | float) for one in given)
        }
        for row in rows
    }


def _track(
    name: str,
    question: str,
    truth: Doubles,
    scores: Mapping[str, Doubles],
    owner: np.ndarray[Any, np.dtype[np.intp]],
    sources: Sequence[str],
    seed: int,
) -> Track | None:
    known = ~np.isnan(truth) & ~np.isnan(scores["mean of both"])
    if known.sum() < FEWEST or np.ptp(truth[known]) < 1e-9:
        return None
    named = np.array(sources)[known]
    means = {source: truth[known][named == source].mean() for source in set(named)}
    oracle = spearman([means[s] for s in named], truth[known], draws=1).value if len(means) > 1 else float("nan")
    rho = {key: spearman(values, truth, owner, seed=seed) for key, values in scores.items()}
    return Track(dataset=name, question=question, n=int(known.sum()), rho=rho, source_oracle=oracle)


def _source(name: str, kind: str) -> str:
    return name if kind != "unknown" else ""


def correlation_lines(tracks: Sequence[Track]) -> Iterator[str]:
    """The tracks as a markdown table."""
    yield "| set | question | n | " + " | ".join(SCORES) + " | source-name oracle |"
    yield "|---|---|---|" + "---|" * (len(SCORES) + 1)
    for track in tracks:
        cells = [f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})" for one in track.rho.values()]
        oracle = "-" if np.isnan(track.source_oracle) else f"{track.source_oracle:.2f}"
        yield f"| {track.dataset} | {track.question} | {track.n} | " + " | ".join(cells) + f" | {oracle} |"


def as_plain(tracks: Sequence[Track]) -> list[dict[str, Any]]:
    """For JSON; an unknown oracle is ``null``."""
    plain = [asdict(track) for track in tracks]
    return [one | {"source_oracle": None if np.isnan(one["source_oracle"]) else one["source_oracle"]} for one in plain]
