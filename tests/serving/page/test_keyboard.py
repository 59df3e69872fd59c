"""Labelling by keyboard in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from blender.labelling.campaign import Campaign

pytestmark = pytest.mark.slow
Jobs = Callable[..., Campaign]
Serve = Callable[..., Any]
Open = Callable[..., Any]


def test_a_whole_campaign_is_labelled_by_keyboard(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(pages=2)) as site:
        page = enter(site.url)
        expected: dict[str, tuple[bool | None, bool | None]] = {}
        for number in (1, 2):
            page.on_page(number)
            first, second, third, fourth = page.shown()
            page.press("1 1 1 2 2 s")
            expected |= {first: (True, True), second: (True, False), third: (False, False), fourth: (None, None)}
            page.press("ArrowRight")
        page.tab.locator("#thanks").wait_for()
        assert site.labels("ann") == expected
        assert "You finished 2 pages: 6 answers judged, 2 not judged" in page.tab.locator("#did").inner_text()
        assert all(0 <= label.seconds < 60 for label in site.found() if label.seconds is not None)
        assert all(label.seconds is not None for label in site.found())


def test_arrows_move_between_answers_and_pages(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(pages=2)) as site:
        page = enter(site.url)
        items = page.shown()
        page.press("ArrowDown ArrowDown 2 ArrowUp ArrowUp ArrowUp ArrowUp 0")
        page.saved()
        assert site.labels() == {items[2]: (False, False), items[0]: (False, False)}
        page.press("ArrowRight")  # refused: two answers are open
        assert page.tab.locator("[aria-current]").get_attribute("data-item") == items[1]
        page.press("2 2")
        page.press("ArrowRight")
        page.on_page(2)
        page.press("ArrowLeft")
        page.on_page(1)
        assert page.shown() == items
        assert page.tab.locator(".answer.done").count() == 4


def test_single_answers_come_one_after_the_other(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(form="single", pages=1)) as site:
        page = enter(site.url)
        seen = []
        for number, keys in enumerate(("1 1", "2", "s", "1 s"), start=1):
            page.on_page(number)
            seen += page.shown()
            page.press(keys)
        page.tab.locator("#thanks").wait_for()
        assert site.labels() == dict(zip(seen, [(True, True), (False, False), (None, None), (True, None)], strict=True))


def test_undo_takes_back_step_by_step_and_across_pages(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(form="single", pages=1)) as site:
        page = enter(site.url)
        (first,) = page.shown()
        page.press("1 2")
        page.on_page(2)
        page.saved()
        assert site.labels() == {first: (True, False)}
        page.press("u")
        page.on_page(1)
        assert page.tab.locator(".answer.specific").count() == 1
        page.saved()
        assert site.labels() == {}
        page.press("Control+z")
        page.tab.locator(".answer.sensible").wait_for()
        page.press("2")
        page.on_page(2)
        assert site.labels() == {first: (False, False)}


def test_undo_brings_back_what_was_changed(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(pages=1)) as site:
        page = enter(site.url)
        (first, *_) = page.shown()
        page.press("1 1 ArrowUp c 2")
        page.saved()
        assert site.labels()[first] == (False, False)
        before = site.found()[0].seconds
        page.press("u u")
        page.saved()
        assert site.labels()[first] == (True, True)
        assert site.found()[0].seconds <= before
        assert page.tab.locator(".answer").first.locator(".chip.good").count() == 2


def test_keys_work_where_the_keyboard_writes_another_alphabet(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(pages=1)) as site:
        page = enter(site.url)
        (first, *_) = page.shown()
        for key, code in (("ы", "KeyS"), ("г", "KeyU"), ("&", "Digit1"), ("é", "Digit2")):
            page.tab.evaluate(
                "init => document.body.dispatchEvent(new KeyboardEvent('keydown', init))",
                {"key": key, "code": code, "bubbles": True},
            )
        page.saved()
        assert site.labels() == {first: (True, False)}
