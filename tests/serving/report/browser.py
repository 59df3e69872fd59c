"""A real chromium for the tests of the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's chromium by playwright, without network.

    Skips the test where either is absent.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        yield browser
        browser.close()


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
