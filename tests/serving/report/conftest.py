"""A made-up campaign whose truth is known: a real run of files of predictions, labels drawn by lot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.labelling.campaign import Campaign
from blender.labelling.gold import GoldAnswer
from blender.labelling.making import make_campaign
from blender.labelling.records import Gold, Item, Label
from blender.labelling.store import Store
from blender.records import Dialog
from blender.serving.cli import main
from blender.serving.systems.run import read_run

QUALITY = {"steady": (0.9, 0.8), "chatty": (0.75, 0.5), "parrot": (0.4, 0.3)}
WORDS = ["boat", "river", "tea", "hill", "lamp", "green", "walk", "song", "paper", "winter", "clock", "bread"]
RATERS = ("Ann", "Бóря", "Chen")


@dataclass(frozen=True)
class Work:
    """Where the parts of a made-up job lie."""

    run: Path
    job: Path
    campaign: Campaign


def make_run(folder: Path, contexts: int = 40, seed: int = 0) -> Path:
    """Three systems on some contexts, by the real command, and predictions of every answer."""
    generator = np.random.default_rng(seed)
    dialogs = [
        {
            "id": f"d{at}",
            "turns": ["Hello there.", "Hi! What is new?", f"I saw {' '.join(generator.choice(WORDS, 5))}."],
        }
        for at in range(contexts)
    ]
    for dialog in dialogs[::2]:
        dialog["turns"] = dialog["turns"][-1:]
    _write(folder / "contexts.jsonl", dialogs)
    given = []
    for system in QUALITY:
        texts = [f"{' '.join(generator.choice(WORDS, int(generator.integers(2, 14))))}, {system}." for _ in dialogs]
        rows = [{"id": d["id"], "text": t} for d, t in zip(dialogs, texts, strict=True)]
        _write(folder / f"{system}.jsonl", rows)
        given += ["--system", f"{system}=file:{folder / system}.jsonl"]
    assert main(["evaluate", str(folder / "contexts.jsonl"), "--out", str(folder / "run"), *given]) == 0
    _predict(folder / "run", generator)
    return folder / "run"


def _predict(run: Path, generator: np.random.Generator) -> None:
    lines: list[dict[str, object]] = [{"made_by": {"bundle": "0123456789abcdef", "response-blender": "0.1.0"}}]
    for answer in read_run(run):
        sensible, specific = (float(np.clip(q + 0.1 * generator.normal(), 0.01, 0.99)) for q in QUALITY[answer.system])
        loss = 3 - sensible + 0.2 * float(generator.normal())
        features = {"perplexity.conditional": loss, "length.words": float(len(answer.text.split()))}
        lines.append(
            {
                "dialog": answer.dialog.id,
                "text": answer.text,
                "sensible": sensible,
                "specific": specific,
                "value": sensible + specific,
                "blocked": [],
                "features": features,
            }
        )
    _write(run / "predictions.jsonl", lines)


def make_job(folder: Path, run: Path, share: float = 0.75, seed: int = 1) -> Campaign:
    """A campaign of the run in which three raters labelled the first ``share`` of the items."""
    gold = GoldAnswer(
        dialog=Dialog.of("What is two and two?", id="gold"), text="Fish.", gold=Gold(sensible=False, specific=False)
    )
    campaign = make_campaign(read_run(run), name="made up", form="pool", gold=[gold], repeat=0.05, seed=seed)
    campaign.save(folder)
    generator = np.random.default_rng(seed)
    items = campaign.items[: int(share * len(campaign.items))]
    truth = {item.id: _truth(item, generator) for item in items}
    store = Store.open(folder / "labels.sqlite")
    store.put(campaign.id, [_label(rater, item, truth[item.id], generator) for item in items for rater in RATERS])
    store.close()
    return campaign


def _truth(item: Item, generator: np.random.Generator) -> tuple[bool, bool]:
    sensible, specific = QUALITY[item.systems[0]] if item.systems else (0.0, 0.0)
    makes_sense = bool(generator.random() < sensible)
    return makes_sense, makes_sense and bool(generator.random() < specific / sensible)


def _label(rater: str, item: Item, truth: tuple[bool, bool], generator: np.random.Generator) -> Label:
    sensible, specific = truth if generator.random() < 0.9 else (bool(generator.random() < 0.5), False)
    return Label(
        item=item.id,
        rater=rater,
        sensible=sensible,
        specific=specific and sensible,
        seconds=2 + float(generator.random()),
        at=f"2026-03-0{1 + len(rater) % 3}T10:00:00.000+00:00",
    )


def _write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    folder = tmp_path_factory.mktemp("report")
    run = make_run(folder)
    return Work(run=run, job=folder / "job", campaign=make_job(folder / "job", run))


@pytest.fixture(scope="session")
def made(work: Work, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its report."""
    out = tmp_path_factory.mktemp("out") / "report"
    assert main(["report", str(work.job), "--run", str(work.run), "--out", str(out), "--title", "Made up"]) == 0
    return out


def opened(browser: Any, page: Path, **look: Any) -> tuple[Any, list[str]]:
    """The page from its file, and everything it complained of or asked of the network."""
    view = browser.new_page(**({"viewport": {"width": 1200, "height": 900}} | look))
    wrong: list[str] = []
    view.on("console", lambda message: wrong.append(message.text))
    view.on("pageerror", lambda fault: wrong.append(str(fault)))
    view.on("request", lambda asked: None if asked.url.startswith("file:") else wrong.append(asked.url))
    view.context.set_offline(True)
    view.goto(page.resolve().as_uri())
    return view, wrong
