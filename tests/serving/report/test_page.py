"""The file itself: safe, whole, in order."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tomllib
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from blender.serving.cli import main
from blender.serving.report.page import SECTIONS
from tests.serving.report.conftest import opened

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>{{ 7*7 }}</style></title>&amp;\"'"


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(path: Path) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser.found


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels in which everything anybody may name is an attack, and predictions of them."""
    folder = tmp_path_factory.mktemp("evil")
    rows: list[dict[str, object]] = []
    lines: list[dict[str, object]] = [{"made_by": {EVIL: EVIL}}]
    for at in range(12):
        for number, source in enumerate((EVIL, "=cmd|' /C calc'!A0")):
            text = f"{EVIL} {at} {number}"
            ratings = [{"rater": name, "sensible": (at + number) % 2, "specific": 0} for name in (EVIL, "bob")]
            row = {"dialog_id": f"{EVIL}{at}", "dataset": EVIL, "context": [EVIL, "Yes?", f"{EVIL} {at}"]}
            rows.append(
                row | {"response": text, "source": source, "ratings": ratings, "slices": {EVIL: f"{EVIL}{at % 2}"}}
            )
            lines.append(
                {
                    "dialog": f"{EVIL}{at}",
                    "text": text,
                    "sensible": 0.5,
                    "specific": 0.5,
                    "value": float(number),
                    "blocked": [EVIL] if at % 2 else [],
                    "features": {"perplexity.conditional": 2.0 + number},
                }
            )
    (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    arguments = [str(folder / "labels.jsonl"), "--run", str(folder), "--title", EVIL, "--draws", "100"]
    assert main(["report", *arguments, "--out", str(folder / "out")]) == 0
    return folder / "out"


def test_what_others_wrote_stays_text(evil: Path) -> None:
    tags = [tag for tag, _ in elements(evil / "report.html")]
    assert not {"script", "img", "iframe", "object", "link", "base", "form"} & set(tags)
    assert not [
        name for _, attributes in elements(evil / "report.html") for name in attributes if name.startswith("on")
    ]
    page = (evil / "report.html").read_text()
    assert "&lt;script&gt;alert(2)&lt;/script&gt;{{ 7*7 }}" in page and "49" not in re.findall(r">(\d+)\}", page)


@pytest.mark.slow
def test_what_others_wrote_does_nothing_in_a_browser(browser: Any, evil: Path) -> None:
    view, wrong = opened(browser, evil / "report.html", viewport={"width": 360, "height": 740})
    assert wrong == []
    assert view.title() == EVIL and view.locator("h1").inner_text() == EVIL
    assert view.evaluate("document.documentElement.scrollWidth") <= 360


def test_no_csv_cell_is_a_formula(evil: Path) -> None:
    cells = [cell for path in evil.glob("*.csv") for cell in re.split(r"[,\n]", path.read_text())]
    assert any(cell.startswith("'=cmd") for cell in cells)
    assert not [cell for cell in cells if cell.lstrip('"').startswith(("=", "+", "@"))]


def test_the_policy_lets_only_the_pages_own_style_through(made: Path) -> None:
    found = elements(made / "report.html")
    (policy,) = [a["content"] for tag, a in found if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    style = re.search(r"<style>(.*?)</style>", (made / "report.html").read_text(), re.DOTALL)
    assert style and policy
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert policy.startswith("default-src 'none'") and f"'sha256-{digest}'" in policy
    assert not [a for _, a in found if "style" in a], "inline styles would be refused by the policy"
    addresses = [a[name] for _, a in found for name in ("src", "href") if name in a]
    assert all((each or "").startswith("#") for each in addresses)


def test_headings_come_in_order_and_every_section_is_named(made: Path) -> None:
    found = elements(made / "report.html")
    levels = [int(tag[1]) for tag, _ in found if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [a["id"] for _, a in found if "id" in a]
    assert len(ids) == len(set(ids)), "ids are unique"
    for tag, attributes in found:
        for name in ("aria-labelledby", "href"):
            for target in (attributes.get(name) or "").removeprefix("#").split():
                assert target in ids, (tag, target)
    assert set(SECTIONS) <= set(ids)


def test_tables_have_captions_and_their_headings_a_scope(made: Path) -> None:
    found = elements(made / "report.html")
    tags = [tag for tag, _ in found]
    assert tags.count("table") == tags.count("caption") > 10
    assert all(a.get("scope") in ("row", "col") for tag, a in found if tag == "th")
    charts = [a for tag, a in found if tag == "svg"]
    assert charts and all(a.get("role") == "img" and a.get("aria-labelledby") for a in charts)


def test_json_holds_every_part_and_what_is_not_known_with_its_reason(made: Path) -> None:
    held = json.loads((made / "report.json").read_text())
    assert held["scores"]["systems"][0]["system"] == "steady"
    assert held["seen"]["not_known"].startswith("the ranker's bundle is not a packaged one")
    assert held["made"]["settings"]["command"].startswith("blend report ")
    assert {each["kind"] for each in held["made"]["inputs"]} == {"campaign", "run", "predictions"}
    assert held["made"]["systems"]["steady"]["kind"] == "file"


def test_every_template_is_shipped() -> None:
    root = Path(__file__).resolve().parents[3]
    settings = tomllib.loads((root / "pyproject.toml").read_text())
    folder = root / "serving" / "report"
    shipped = {
        p
        for each in settings["tool"]["setuptools"]["package-data"]["blender.serving.report"]
        for p in folder.glob(each)
    }
    assert {path for path in (folder / "templates").rglob("*") if path.is_file()} <= shipped
