"""The report as markdown, and the points of its picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from blender.training.proxy.card import fit_lines, number
from blender.training.proxy.judge import BASELINES_SHOWN, IN_DOMAIN, PROXY
from blender.training.proxy.measure import Fit
from blender.training.report import table

if TYPE_CHECKING:
    from blender.training.proxy.ablation import Tried
    from blender.training.proxy.report import Report

BARS = {"bar of the transformer, 0.88": 0.88, "bar of the head, 0.80": 0.80}


def report_lines(report: Report, command: str) -> Iterator[str]:
    """Everything between the markers."""
    yield f"`{command}`"
    yield ""
    yield "![Spearman with the language model by phrases per second](proxy.png)"
    yield ""
    yield from _ways(report)
    yield ""
    yield from _speeds(report)
    for name, judgement in report.judgements.items():
        yield ""
        yield from fit_lines(judgement.lengths, f"{name}, held-out phrases by words")
    for name, judgement in report.judgements.items():
        if judgement.given:
            yield ""
            yield from fit_lines(judgement.given, f"{name}, loss given the context, held-out pairs")
    yield ""
    yield from _tried(report.variants, "what a head reads")
    yield ""
    yield from _tried(
        {f"{name} phrases": one for name, one in report.curve.items()}, "the head, by phrases learnt from"
    )
    yield ""
    yield from _tried({f"seed {name}": one for name, one in report.seeds.items()}, "the head, by seed of training")
    one = report.precisions
    yield ""
    yield (
        f"The language model in bfloat16 against itself in float32 on {one.n} held-out phrases: Spearman "
        f"{one.spearman:.3f}, bfloat16 minus float32 {one.difference:+.3f} nats per token, {one.apart:.3f} apart. "
        "The proxies are taught and judged by bfloat16."
    )


def _ways(report: Report) -> list[str]:
    """Everybody on every corpus: Spearman and R²."""
    first = next(iter(report.judgements.values()))
    head = ["Spearman (R²) with the language model", *(f"{name}, n {_n(fits)}" for name, fits in first.fits.items())]
    ways = {name: {corpus: fits[PROXY] for corpus, fits in one.fits.items()} for name, one in report.judgements.items()}
    ways |= {name: {corpus: fits[name] for corpus, fits in first.fits.items()} for name in BASELINES_SHOWN}
    rows = (
        [name, *(f"{number(fits[corpus].spearman)} ({fits[corpus].r2:.2f})" for corpus in first.fits)]
        for name, fits in ways.items()
    )
    return table(head, rows)


def _n(fits: Mapping[str, Fit]) -> int:
    return next(iter(fits.values())).n


def _speeds(report: Report) -> list[str]:
    """Rows per second, and times the two packed passes of the language model."""
    half, full = list(report.speeds.values())[:2]
    head = ("phrases alone, in one run", "rows/s", "rows per CPU s", "times bfloat16 packed", "times float32 packed")
    rows = (
        (name, f"{one.wall:,.0f}", f"{one.cpu:,.0f}", f"{one.cpu / half.cpu:.1f}", f"{one.cpu / full.cpu:.1f}")
        for name, one in report.speeds.items()
    )
    return table(head, rows)


def _tried(tried: Mapping[str, Tried], title: str) -> list[str]:
    corpora = list(next(iter(tried.values())).fits)
    rows = (
        [
            name,
            f"{one.rows:,}",
            *(number(one.fits[corpus].spearman) for corpus in corpora),
            f"{one.fits[IN_DOMAIN].r2:.3f}",
            f"{one.seconds:.0f}",
        ]
        for name, one in tried.items()
    )
    return table([title, "learnt from", *(f"Spearman, {name}" for name in corpora), "R², held-out", "seconds"], rows)


def frontier_points(report: Report) -> dict[str, tuple[float, float, float]]:
    """Rows per CPU second, Spearman in domain and on the first other corpus."""
    points = {}
    for name, judgement in report.judgements.items():
        others = [corpus for corpus in judgement.fits if not corpus.startswith(IN_DOMAIN)]
        inside = judgement.fits[IN_DOMAIN][PROXY].spearman
        outside = judgement.fits[others[0]][PROXY].spearman if others else inside
        for way, speed in report.speeds.items():
            if way.startswith(name):
                points[way] = (speed.cpu, inside, outside)
    for way, speed in list(report.speeds.items())[:2]:
        points[way] = (speed.cpu, 1.0, 1.0)
    return points
