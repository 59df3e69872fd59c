"""The comparisons of the report on tuning: trainings, recall by domain, ways of answering, examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from blender.index.heads import Heads
from blender.models.encoder import load_encoder
from blender.training.tune.contrastive import Embedding, recall_of
from blender.training.tune.corpora import CORPORA, read_corpus
from blender.training.tune.dialogues import PairSettings
from blender.training.tune.interest import Interest
from blender.training.tune.material import TEST_CONTEXTS, Material
from blender.training.tune.outcome import Answers, outcome
from blender.training.tune.runs import MAIN, RUNS, Done, Run, done
from blender.training.tune.ways import HeldOut, reranked_ranks

WEIGHTS = [0.02, 0.05, 0.1, 0.2, 0.4]
UNTUNED = "untuned"
_EXAMPLES = 4


def trained(material: Material, say: Callable[[str], None]) -> dict[str, list[Done]]:
    """Every training of the report, by name; several of one name are its seeds."""
    found: dict[str, list[Done]] = {}
    for run in RUNS:
        found.setdefault(name_of(run), []).append(done(material, run, say))
    return found


def name_of(run: Run) -> str:
    """How a training is called in the tables."""
    if run.method == "contrastive":
        return run.method
    gate = "" if run.gate == "sensible" else ", no gate"
    return f"{run.method}, {run.interest}{gate}"


def recalls(material: Material, runs: dict[str, list[Done]], encoder: Path | None) -> dict[str, dict[str, Any]]:
    """Recall by domain of the untuned encoder, the heads of seed 0, and (if given) a trained encoder."""
    domains = {"packaged conversations, held out": material.parts["test"]}
    for name in CORPORA:
        domains[name] = read_corpus(material.data, name, PairSettings())
    retrievers = [(material.embedding, heads) for heads in (material.untuned, runs["contrastive"][0].heads)]
    names = [UNTUNED, "contrastive heads"]
    if encoder is not None:
        retrievers.append(_with_encoder(material, encoder))
        names.append("encoder trained")
    found: dict[str, dict[str, Any]] = {}
    for domain, pairs in domains.items():
        found[domain] = dict(zip(names, recall_of(retrievers, pairs, material.seed), strict=True))
    return found


def _with_encoder(material: Material, folder: Path) -> tuple[Embedding, Heads]:
    encoder = load_encoder(str(folder))
    embedding = Embedding(ref=str(folder), encoder=encoder, fade=material.base.manifest.settings.fade)
    return embedding, Heads.identity(encoder.dimension, encoder.fingerprint)


def held_out(material: Material, interest: Interest = "specific") -> HeldOut:
    """The held-out contexts, with the rewards of an interest."""
    return HeldOut(
        material=material,
        judged=material.stage("test", TEST_CONTEXTS, material.judging),
        paid=material.stage("test", TEST_CONTEXTS, material.paying, interest),
    )


def outcomes(material: Material, runs: dict[str, list[Done]]) -> tuple[dict[str, Any], dict[str, Answers]]:
    """Figures of every way by name, and the answers of the first seed of each."""
    found: dict[str, Any] = {}
    answered: dict[str, Answers] = {}
    plain = held_out(material)
    untuned = plain.answers(material.untuned)
    found[UNTUNED] = outcome([untuned], untuned)
    answered[UNTUNED] = untuned
    for interest in MAIN:
        stage = held_out(material, interest)
        for weight, ranks in zip(WEIGHTS, reranked_ranks(material, interest, WEIGHTS), strict=True):
            found[f"cosine + {weight} x {interest}"] = outcome([stage.reranked(weight, ranks)], untuned)
    for name, seeds in runs.items():
        paid_for: Interest = next(run.interest for run in RUNS if name_of(run) == name)
        stage = held_out(material, paid_for)
        answers = [stage.answers(one.heads) for one in seeds]
        found[name] = outcome(answers, untuned) | {"seconds": float(np.mean([one.seconds for one in seeds]))}
        answered[name] = answers[0]
    for main in MAIN:
        for method in ("ppo", "exact", "ranker"):
            found[f"{method}, {main}"]["query time at equal relevance"] = at_equal_relevance(found, method, main)
    return found, answered


def at_equal_relevance(found: dict[str, Any], method: str, interest: str) -> float:
    """P(specific) of cosine + weight x interest where its answers are as near to the context as a method's.

    Interpolated between the weights of the sweep; at its ends where the method lies outside.
    """
    sweep = [found[UNTUNED], *(found[f"cosine + {weight} x {interest}"] for weight in WEIGHTS)]
    points = sorted((one["relevance"][0], one["specific"][0]) for one in sweep)
    at = found[f"{method}, {interest}"]["relevance"][0]
    return float(np.interp(at, [near for near, _ in points], [specific for _, specific in points]))


def examples(material: Material, answered: dict[str, Answers]) -> list[dict[str, str]]:
    """Contexts on which the ungated reward fetches what the judge finds least sensible, with the others' answers."""
    strange, gated = answered["ppo, perplexity, no gate"], answered["ppo, perplexity"]
    contexts = material.stage("test", TEST_CONTEXTS, material.judging).pairs
    order = np.argsort(strange.sensible - answered[UNTUNED].sensible)[:_EXAMPLES]
    return [
        {
            "context": contexts[at].context.replace("\n", " / "),
            UNTUNED: answered[UNTUNED].texts[at],
            "perplexity, no gate": strange.texts[at],
            "perplexity, gated": gated.texts[at],
            "specific, gated": answered["ppo, specific"].texts[at],
        }
        for at in order.tolist()
    ]


def human_heads(runs: dict[str, list[Done]], untuned: Heads) -> dict[str, list[Heads]]:
    """Ways whose scores are tried on human-labelled pools."""
    names = ("contrastive", "ppo, specific", "ppo, 1-perplexity", "ranker, specific")
    return {UNTUNED: [untuned]} | {name: [one.heads for one in runs[name]] for name in names}
