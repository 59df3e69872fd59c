"""The tables of retrieved prompts for the generator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from blender.training.report import table


def tables(values: Mapping[str, Any]) -> list[str]:
    """Markdown lines."""
    return [
        f"Made by `{values['command']}` (seed {values['sizes']['seed']}, "
        f"{values['processor seconds of this run']:,} processor seconds in its last run; what was kept from runs "
        "before is not counted).",
        "",
        *_choice(values["choice"]),
        *_training(values["training"]),
        *_losses(values["losses"]),
        *(_pools(values["pools"]) if "pools" in values else []),
    ]


def _choice(choice: Mapping[str, Any]) -> list[str]:
    rows = [[name, _with(loss)] for name, loss in choice["losses"].items()]
    return [
        f"**Where and how many** ({choice['n']} dialogs kept for this choice; chosen: {choice['chosen']})",
        "",
        *table(["pairs shown", "loss of the true next turn, nats a token"], rows),
        "",
    ]


def _training(training: Mapping[str, Any]) -> list[str]:
    rows = [[name, _with(loss)] for name, loss in training["losses"].items()]
    return [
        f"**One pair picked of {training['candidates']} that were scored** ({training['n']} training dialogs, heads "
        f"cross-fitted; some pair helps {100 * training['helped by some']:.0f} % of them; tuned minus untuned "
        f"{_with(training['tuned minus untuned'], signed=True)})",
        "",
        *table(["picked by", "loss of the true next turn, nats a token"], rows),
        "",
    ]


def _losses(losses: Mapping[str, Any]) -> list[str]:
    rows = []
    for model, corpora in losses.items():
        for corpus, one in corpora.items():
            for arm, loss in one["losses"].items():
                against = [one[key].get(arm) for key in ("against zero-shot", "against random")]
                last = one["tuned against untuned"] if arm == "tuned" else None
                rows.append([model, corpus, str(one["n"]), arm, _with(loss), *_differences([*against, last])])
    head = ["model", "dialogs", "n", "pairs", "nats a token", "against zero-shot", "against random", "against untuned"]
    return ["**Loss of the true next turn, held-out dialogs** (below 0 is better)", "", *table(head, rows), ""]


def _pools(pools: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            arm,
            *(f"{one[name][0]:.3f}" for name in ("sensible", "specific", "mean", "best")),
            *_differences(
                None if arm == "zero-shot" else one[f"{what} against zero-shot"] for what in ("mean", "best")
            ),
            f"{one['head-room']:.3f}",
            f"{one['distinct-2']:.3f}",
            f"{one['words']:.1f}",
        ]
        for arm, one in pools["arms"].items()
    ]
    head = [
        "pairs",
        "P(sensible)",
        "P(specific)",
        "mean SSA of a pool",
        "best of a pool",
        "mean against zero-shot",
        "best against zero-shot",
        "best minus mean",
        "distinct-2",
        "words",
    ]
    told = f"{pools['n']} packaged test dialogs, {pools['answers']} answers each; judged by {pools['judge']}"
    return [f"**Sampled pools** ({told})", "", *table(head, rows), ""]


def _with(interval: Sequence[float], *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    value, low, high = interval
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def _differences(given: Iterable[Sequence[float] | None]) -> list[str]:
    """Intervals with their signs; ``None`` as nothing."""
    return ["" if one is None else _with(one, signed=True) for one in given]
