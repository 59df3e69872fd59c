"""No label is lost: reload, crash, kill, lost answers; in a real browser."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blender.labelling.campaign import Campaign
from blender.labelling.store import Store

pytestmark = pytest.mark.slow
Jobs = Callable[..., Campaign]
Serve = Callable[..., Any]
Open = Callable[..., Any]
LEFT_BY_EVE = """([campaign, item]) => {
  const said = { item, sensible: false, specific: false, seconds: 1, withdrawn: false };
  localStorage.setItem(`blend.${campaign}.eve.waiting`, JSON.stringify([{ id: "1", said }]));
}"""


def test_a_reload_in_the_middle_goes_on_where_one_was(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(pages=1)) as site:
        page = enter(site.url)
        items = page.shown()
        page.press("2 1")  # the second answer: sensible, and then?
        page.tab.reload()
        page.tab.locator(".answer.specific").wait_for()
        assert page.shown() == items
        assert page.tab.locator("[aria-current]").get_attribute("data-item") == items[1]
        page.press("1")
        page.saved()
        assert site.labels() == {items[0]: (False, False), items[1]: (True, True)}
        page.press("u u u")  # what was said before the reload can be taken back too
        page.saved()
        assert site.labels() == {}


def test_no_label_is_lost_when_the_server_is_killed(
    make_job: Jobs, start: Callable[..., Any], enter: Open, tmp_path: Path
) -> None:
    campaign = make_job(pages=1)
    process, url = start("--port", "0")
    page = enter(url)
    items = page.shown()
    page.press("1 1")
    page.saved()
    process.send_signal(signal.SIGKILL)
    process.wait()
    page.press("2 1 2")
    page.tab.locator("#state[data-state=unsaved]", has_text="Not saved, trying again (2)").wait_for()
    assert "does not answer" in page.tab.locator("#trouble").inner_text()
    start("--port", url.rstrip("/").rpartition(":")[2])
    page.saved()
    assert page.tab.locator("#trouble").is_hidden()
    store = Store.open(tmp_path / "labels.sqlite")
    found = {label.item: (label.sensible, label.specific) for label in store.labels(campaign.id)}
    store.close()
    assert found == {items[0]: (True, True), items[1]: (False, False), items[2]: (True, False)}


def test_no_label_is_lost_when_the_page_goes_while_the_server_is_away(
    make_job: Jobs, serve: Serve, enter: Open
) -> None:
    with serve(make_job(pages=1)) as site:
        page = enter(site.url)
        items = page.shown()
        page.tab.context.route("**/api/labels", lambda route: route.abort())
        page.press("1 1 2")
        page.tab.locator("#state[data-state=unsaved]").wait_for()
        again = page.tab.context.new_page()  # as after a crash: nothing but what the browser keeps
        page.tab.close()
        assert site.labels() == {}
        page.tab.context.unroute("**/api/labels")
        again.goto(site.url)
        again.locator(".answer.done").nth(1).wait_for()
        assert site.labels() == {items[0]: (True, True), items[1]: (False, False)}


FILL = """() => {
  for (let size = 1 << 20, at = 0; size >= 1;) {
    try { localStorage.setItem(`fill${at++}`, "x".repeat(size)); } catch { size >>= 1; }
  }
}"""


def test_labels_are_sent_when_the_browser_has_no_room_to_keep_them(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(pages=1)) as site:
        page = enter(site.url)
        page.press("2")
        page.saved()
        page.tab.evaluate(FILL)
        page.press("2 2 2")
        page.tab.locator("#trouble", has_text="keeps nothing").wait_for()
        page.saved()
        assert len(site.labels()) == 4


def test_what_one_tab_has_no_room_for_loses_nothing_of_another(make_job: Jobs, serve: Serve, enter: Open) -> None:
    leave = """([campaign, item]) => {
      const said = { item, sensible: false, specific: false, seconds: 1, withdrawn: false };
      localStorage.removeItem("fill0");
      localStorage.setItem(`blend.${campaign}.ann.waiting`, JSON.stringify([{ id: "1", said }]));
    }"""
    with serve(make_job(pages=1)) as site:
        page = enter(site.url)
        first, second, *_ = page.shown()
        away = [True]
        page.tab.context.route("**/api/labels", lambda route: route.abort() if away else route.continue_())
        page.tab.evaluate(FILL)
        page.press("2")
        page.tab.locator("#state", has_text="trying again (1)").wait_for()
        page.tab.evaluate(leave, [site.campaign.id, second])  # as the other tab does
        page.tab.locator("#state", has_text="trying again (2)").wait_for()
        away.clear()
        page.saved()
        assert site.labels() == dict.fromkeys((first, second), (False, False))


def test_labels_of_who_is_not_in_the_plan_wait_for_it(make_job: Jobs, serve: Serve, enter: Open) -> None:
    plan = {"ann": ["p000"]}
    with serve(make_job(pages=1), plan=plan) as site:
        page = enter(site.url)
        page.tab.evaluate(LEFT_BY_EVE, [site.campaign.id, "p000:0"])
        page.tab.reload()
        page.tab.locator("#trouble", has_text="'eve' is not among the raters").wait_for()
        page.tab.locator("#state", has_text="trying again (1)").wait_for()
        site.desk.plan["eve"] = []
        page.saved()
        assert site.labels("eve") == {"p000:0": (False, False)}


def test_who_takes_over_does_not_lose_what_another_said(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(pages=1)) as site:
        page = enter(site.url)
        away = [True]
        page.tab.context.route("**/api/labels", lambda route: route.abort() if away else route.continue_())
        page.press("2 2")
        page.tab.locator("#state", has_text="trying again (2)").wait_for()
        page.tab.locator("#who").click()
        page.tab.locator("#name").fill("bob")
        page.tab.locator("#name").press("Enter")
        page.tab.locator("#who", has_text="bob").wait_for()
        page.tab.locator(".answer.sensible").nth(3).wait_for()
        page.press("2")
        page.tab.locator("#state", has_text="trying again (3)").wait_for()
        away.clear()
        page.saved()
        assert (len(site.labels("ann")), len(site.labels("bob"))) == (2, 1)


def test_labels_left_by_another_rater_or_job_are_sent_or_told(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(pages=1)) as site:
        page = enter(site.url)
        for campaign in (site.campaign.id, "0" * 16):
            page.tab.evaluate(LEFT_BY_EVE, [campaign, "p000:0"])
        page.tab.reload()
        page.tab.locator("#trouble", has_text="labels of another job that were never sent (1)").wait_for()
        page.saved()
        assert site.labels("eve") == {"p000:0": (False, False)}


def test_an_answer_lost_on_its_way_back_is_not_saved_twice(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(pages=1)) as site:
        page = enter(site.url)
        lost: list[int] = []

        def lose(route: Any) -> None:
            if lost:
                route.continue_()
            else:
                lost.append(route.fetch().status)  # the server has it, the page is not told
                route.abort()

        page.tab.context.route("**/api/labels", lose)
        page.press("2")
        page.tab.locator("#state[data-state=unsaved]").wait_for()
        page.saved()
        assert lost == [200]
        assert site.store.history(site.campaign.id) == 1


def test_a_label_that_is_refused_is_said_to_be_and_holds_up_nothing(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(pages=1)) as site:
        page = enter(site.url)
        _, second, *_ = items = page.shown()

        def spoil(route: Any) -> None:
            route.continue_(post_data=route.request.post_data.replace(items[0], "gone"))

        page.tab.context.route("**/api/labels", spoil)
        page.press("2 2")
        page.tab.locator("#trouble", has_text="1 not accepted by the server").wait_for()
        page.saved()
        assert site.labels() == {second: (False, False)}


def test_two_raters_at_once_get_different_pages_and_both_are_saved(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(pages=2, raters=1)) as site:
        ann, bob = enter(site.url, "ann"), enter(site.url, "bob")
        items = {"ann": ann.shown(), "bob": bob.shown()}
        assert not set(items["ann"]) & set(items["bob"])
        for _ in range(4):
            ann.press("2")
            bob.press("1 2")
        for page in (ann, bob):
            page.press("ArrowRight")
            page.tab.locator("#thanks").wait_for()
        assert site.labels("ann") == dict.fromkeys(items["ann"], (False, False))
        assert site.labels("bob") == dict.fromkeys(items["bob"], (True, False))


def test_a_token_opens_the_page_and_leaves_the_address(make_job: Jobs, serve: Serve, enter: Open) -> None:
    token = "a-token-of-19-signs"  # noqa: S105
    with serve(make_job(pages=1), token=token, any_host=True) as site:
        page = enter(f"{site.url}/?token={token}")
        assert "token" not in page.tab.url
        page.press("2")
        page.saved()
        page.tab.reload()
        page.tab.locator(".answer.done").wait_for()
        assert len(site.labels()) == 1
        page.tab.context.clear_cookies()
        page.press("2")
        page.tab.locator("#trouble", has_text="Open the page by its whole address again").wait_for()
        page.tab.goto(f"{site.url}/?token={token}")
        page.saved()
        assert len(site.labels()) == 2
