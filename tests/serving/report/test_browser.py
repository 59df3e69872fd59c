"""The page in a real browser: as a reader gets it, from a file, without network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.serving.report.conftest import opened

pytestmark = pytest.mark.slow


def test_it_opens_from_a_file_without_network_script_or_complaint(browser: Any, made: Path) -> None:
    view, wrong = opened(browser, made / "report.html")
    assert wrong == []
    assert view.title() == "Made up"
    assert view.locator("h1").inner_text() == "Made up"
    assert view.locator("#table-headline tbody tr").count() == 3
    assert view.locator("script, img, link, iframe, object").count() == 0
    colour = view.evaluate("getComputedStyle(document.querySelector('.mark.s0')).fill")
    assert colour == "rgb(11, 87, 164)", "the style is let through by the page's own policy"
    view.close()


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_only_boxes_scroll_sideways_never_the_page(browser: Any, made: Path, width: int) -> None:
    view, _ = opened(browser, made / "report.html", viewport={"width": width, "height": 740})
    view.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert view.evaluate("document.documentElement.scrollWidth") <= width
    over = "[...document.querySelectorAll('body *')].filter(e => !e.closest('.box, .unseen, .skip') && "
    over += "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
    assert view.evaluate(over) == []
    view.close()


def test_dark_differs_from_light(browser: Any, made: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        view, _ = opened(browser, made / "report.html", color_scheme=scheme)
        grounds.append(view.evaluate("getComputedStyle(document.body).backgroundColor"))
        view.close()
    assert grounds == ["rgb(255, 255, 255)", "rgb(21, 24, 27)"]


def test_paper_gets_every_detail_and_no_clipped_table(browser: Any, made: Path) -> None:
    view, _ = opened(browser, made / "report.html", viewport={"width": 680, "height": 960}, color_scheme="dark")
    view.emulate_media(media="print")
    clipped = "[...document.querySelectorAll('.box')].filter(b => b.scrollWidth > b.clientWidth + 1).length"
    assert view.evaluate(clipped) == 0
    assert view.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    inside = view.locator("details.context table").first
    assert inside.bounding_box()["height"] > 50, "details are open on paper"
    pdf = view.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF") and pdf.count(b"/Type /Page\n") > 3
    view.close()


def test_a_keyboard_reaches_what_scrolls_and_opens_what_is_closed(browser: Any, made: Path) -> None:
    view, _ = opened(browser, made / "report.html")
    view.keyboard.press("Tab")
    assert view.evaluate("document.activeElement.className") == "skip"
    first = view.locator("details.context").first
    first.locator("summary").focus()
    view.keyboard.press("Enter")
    assert first.evaluate("each => each.open") is True
    reach = "[...document.querySelectorAll('.box')].every(b => b.tabIndex === 0 && b.getAttribute('aria-label'))"
    assert view.evaluate(reach)
    view.close()


def test_the_accessibility_tree_names_charts_and_landmarks(browser: Any, made: Path) -> None:
    view, _ = opened(browser, made / "report.html")
    for role in ("banner", "main", "navigation", "contentinfo"):
        assert view.get_by_role(role).count() == 1, role
    chart = view.get_by_role("img", name="SSA, sensible and specific by system")
    assert chart.count() == 1
    told = view.locator("#headline-chart-desc").text_content()
    assert "steady: SSA" in told and " to " in told
    assert view.get_by_role("rowheader", name="steady").count() > 0
    view.close()
