"""The proxy's part of ``docs/retriever.md`` and ``benchmarks/retriever.json``, and ``docs/proxy.png``.

    python -m blender.training.proxy.report DATA

``DATA`` is laid out as `docs/data.md` says. What the language model judged, what was encoded, and every trained variant
are kept in the cache folder: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from blender.errors import BadModel
from blender.models.cache import cache_folder, text_digest
from blender.models.proxy import Proxy, load_proxy
from blender.training.kept import kept_json
from blender.training.options import Project
from blender.training.proxy.ablation import VARIANT_ROWS, Trials, Tried, ablate, learning_curve
from blender.training.proxy.examples import scored
from blender.training.proxy.fit_head import HeadSettings
from blender.training.proxy.heads import ALL
from blender.training.proxy.judge import Judgement, judge
from blender.training.proxy.material import Material, gather
from blender.training.proxy.others import write_others
from blender.training.proxy.picture import draw_frontier
from blender.training.proxy.precision import Precisions, compare_precisions
from blender.training.proxy.report_tables import BARS, frontier_points, report_lines
from blender.training.proxy.settings import ProxySettings
from blender.training.proxy.speed import SPEED_ROWS, Speed, speeds
from blender.training.proxy.train import train_proxy
from blender.training.report import write_part
from blender.training.script import run

SOURCE = "pkg:chitchat_dataset"
COMMAND = "python -m blender.training.proxy.report DATA"
PART = "proxy"
SETTINGS = ProxySettings(conditional=True, pairs=1_500)
SEEDS = (0, 1, 2)
COUNTED = 500
"""Phrases to judge on whose words were counted."""
_CHECKED = 300  # phrases judged in both precisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All figures.

    Attributes:
        judgements: of the head that comes with the package and of the transformer, if it was trained.
        variants: heads that read less.
        curve: heads by phrases learnt from.
        seeds: the whole head by seed of training.
        speeds: rows per second.
        precisions: the language model against itself.
        seconds: by what they were spent on; 0 for what was kept from before.
    """

    judgements: Mapping[str, Judgement]
    variants: Mapping[str, Tried]
    curve: Mapping[str, Tried]
    seeds: Mapping[str, Tried]
    speeds: Mapping[str, Speed]
    precisions: Precisions
    seconds: Mapping[str, float]


def make(data: Path, settings: ProxySettings, kept: Path, *, transformer: bool = True, quiet: bool = False) -> Report:
    """Measure everything, or take it from ``kept``.

    Raises:
        BadModel: the default proxy was trained on other phrases or with other settings.
    """
    others = write_others(data, kept / "others")
    material = _with_counted(gather(SOURCE, settings, others, kept=kept, quiet=quiet))
    head = load_proxy("default")
    if head.manifest.data != material.parts.digest:
        raise BadModel(
            "the proxy that comes with the package was trained on other phrases than these; train it anew with "
            "`python -m blender.training.proxy.default`"
        )
    proxies = {"head": head}
    if transformer:
        proxies["transformer"] = _transformer(settings, others, kept, quiet=quiet)
    trials = Trials(material, settings.language)
    chosen = HeadSettings(seed=settings.seed)
    return Report(
        judgements={name: judge(proxy, material, settings.seed) for name, proxy in proxies.items()},
        variants=ablate(trials, chosen, VARIANT_ROWS),
        curve=learning_curve(trials, chosen, settings.rows),
        seeds={str(seed): trials(ALL, replace(chosen, seed=seed), VARIANT_ROWS) for seed in SEEDS},
        speeds=_speeds(material, proxies, kept),
        precisions=_precisions(material, settings, kept),
        seconds={"judging": round(material.seconds, 1)},
    )


def _with_counted(material: Material) -> Material:
    """Judge also on phrases whose words were counted though nothing was learnt from them, as most of a base are."""
    counted = scored(material.model, material.parts.counted[-COUNTED:], material.kept)
    return replace(material, others={**material.others, "counted only": counted})


def _transformer(settings: ProxySettings, others: Mapping[str, Path], kept: Path, *, quiet: bool) -> Proxy:
    wanted = replace(settings, size="transformer", conditional=False, pairs=ProxySettings.pairs)  # learns from none
    folder = kept / f"transformer-{text_digest(msgspec.json.encode(asdict(wanted)).decode())}"
    if not folder.is_dir():
        train_proxy(SOURCE, folder, wanted, others, kept=kept, quiet=quiet)
    return load_proxy(str(folder))


def _speeds(material: Material, proxies: Mapping[str, Proxy], kept: Path) -> dict[str, Speed]:
    texts = [one.text for one in material.parts.counted[:SPEED_ROWS]]
    key = text_digest("speeds 1", material.parts.digest, *(proxy.fingerprint for proxy in proxies.values()))
    model = next(iter(proxies.values())).manifest.model
    return kept_json(kept / f"speeds-{key}.json", dict[str, Speed], lambda: speeds(model, texts, proxies))


def _precisions(material: Material, settings: ProxySettings, kept: Path) -> Precisions:
    key = text_digest("precisions 1", material.parts.digest, settings.model)
    texts = material.test.texts[:_CHECKED]
    return kept_json(kept / f"precisions-{key}.json", Precisions, lambda: compare_precisions(settings.model, texts))


def main(
    data: Annotated[Path, typer.Argument(help="Folder of corpora, laid out as docs/data.md says.")],
    out: Project = Path(),
    transformer: Annotated[bool, typer.Option(help="Train and judge the transformer too (half an hour).")] = True,
) -> None:
    """Write the tables, the figures and the picture."""
    began = time.perf_counter()
    report = make(data, SETTINGS, cache_folder() / "proxy", transformer=transformer)
    draw_frontier(out / "docs" / "proxy.png", frontier_points(report), BARS)
    values: dict[str, Any] = msgspec.to_builtins(report)
    values |= {"command": COMMAND, "seed": SETTINGS.seed, "settings": asdict(SETTINGS)}
    values["seconds"] = {**report.seconds, "all": round(time.perf_counter() - began, 1)}
    write_part(out, PART, values, list(report_lines(report, COMMAND)))


if __name__ == "__main__":
    run(main)
