"""How the probabilities of rankers that saw nothing of a set correlate with its human scores, answer by answer.

The track in which dialogue metrics are usually compared (Yeh et al. 2021, arXiv:2106.03706). It says more about who
spoke than about which answer to choose: beside each figure stands the *source-name oracle*, the correlation of knowing
nothing of an answer but the mean score of its source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.judging.pools import LabelledPool
from blender.judging.rank_correlation import spearman
from blender.judging.resampling import Interval, numbered
from blender.training.examples import Doubles, once
from blender.training.outer import OutOfFold
from blender.training.prepare import Prepared
from blender.training.report import table

FEWEST = 50
# Rows of a set's dialog in the order of its file: the answer, and the mean of its ratings by question.
Asked = Mapping[tuple[str, str], Sequence[tuple[str, Mapping[str, float]]]]
SCORES: tuple[str, ...] = ("P(sensible)", "P(specific)", "mean of both")


class _Row(msgspec.Struct):
    """What is read of a label file beyond what pools hold: every question that raters were asked."""

    dialog_id: str
    response: str
    dataset: str | None = None
    labels: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A human score and what correlates with it, Spearman's rho.

    Attributes:
        dataset: the set, and the part of it.
        question: what raters were asked.
        n: answers.
        rho: by score, with a 95 % bootstrap interval over conversations.
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
        conversations, _ = numbered(examples.groups[at] for at in pools)
        owner = np.repeat(conversations, [examples.matrix.group_sizes[at] for at in pools])
        for question, truth in _questions(prepared, pools, asked).items():
            sources = [_source(c.source, c.kind) for at in pools for c in prepared.labelled[at].pool.candidates]
            track = _track(name, question, truth, scores, owner, sources, seed)
            tracks += [track] if track else []
    return tracks


def _questions(prepared: Prepared, pools: Sequence[int], asked: Asked) -> dict[str, Doubles]:
    """Human scores of the pools' answers by question, NaN = not asked."""
    labelled = [prepared.labelled[at] for at in pools]
    found = {
        name: np.concatenate([np.asarray(getattr(one, name), dtype=np.float64) for one in labelled])
        for name in ("overall", "sensible", "specific")
    }
    own = [answer for one in labelled for answer in _own(one, asked)]
    questions = dict.fromkeys(question for answer in own for question in answer)
    return found | {f"{name}*": np.array([answer.get(name, np.nan) for answer in own]) for name in questions}


def _own(labelled: LabelledPool, asked: Asked) -> Iterator[Mapping[str, float]]:
    """What was asked of each candidate; systems that said the same words have a row each, in the same order."""
    rows: dict[str, list[Mapping[str, float]]] = {}
    for response, answer in asked.get((labelled.dataset, labelled.pool.dialog.id), ()):
        rows.setdefault(response, []).append(answer)
    for text in labelled.pool.texts:
        left = rows.get(text)
        yield left.pop(0) if left else {}


def _answers(files: Sequence[Path]) -> Asked:
    """Mean of each question's ratings."""
    decoder = msgspec.json.Decoder(_Row)
    found: dict[tuple[str, str], list[tuple[str, Mapping[str, float]]]] = {}
    for path in files:
        for row in (decoder.decode(line) for line in path.read_bytes().splitlines() if line.strip()):
            answer = {
                name: float(np.mean(given))
                for name, given in row.labels.items()
                if isinstance(given, list) and given and all(isinstance(one, int | float) for one in given)
            }
            found.setdefault((row.dataset or path.stem, row.dialog_id), []).append((row.response, answer))
    return found


def _track(
    name: str,
    question: str,
    truth: Doubles,
    scores: Mapping[str, Doubles],
    owner: NDArray[np.intp],
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


def correlation_lines(tracks: Sequence[Track]) -> list[str]:
    """The tracks as a markdown table."""
    rows = []
    for track in tracks:
        cells = [one.shown(2, scale=1) for one in track.rho.values()]
        oracle = "-" if np.isnan(track.source_oracle) else f"{track.source_oracle:.2f}"
        rows.append([track.dataset, track.question, track.n, *cells, oracle])
    return table(["set", "question", "n", *SCORES, "source-name oracle"], rows)
