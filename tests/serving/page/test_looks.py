"""How the page looks and speaks, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from blender.labelling.campaign import Campaign

pytestmark = pytest.mark.slow
Jobs = Callable[..., Campaign]
Serve = Callable[..., Any]
Open = Callable[..., Any]

CONTRAST = """() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const linear = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = colour => {
    const [r, g, b] = parts(colour).slice(0, 3).map(value => linear(value / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = each => {
    while (each && parts(getComputedStyle(each).backgroundColor)[3] === 0) each = each.parentElement;
    return each ? getComputedStyle(each).backgroundColor : 'rgb(255, 255, 255)';
  };
  const read = each => [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())
    && each.checkVisibility() && each.tagName !== 'KBD' && !each.closest('.unseen, :disabled');
  return [...document.querySelectorAll('body *')].filter(read).map(each => {
    const [a, b] = [light(getComputedStyle(each).color), light(ground(each))];
    return [each.textContent.slice(0, 40), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  });
}"""  # as WCAG 2 defines it: 4.5 is asked of text


def test_a_phone_needs_no_sideways_scrolling_and_has_large_buttons(make_job: Jobs, serve: Serve, enter: Open) -> None:
    long = ("Donaudampfschifffahrtsgesellschaft" * 4, "https://example.org/" + "a" * 200, "short", "x " * 300)
    with serve(make_job(pages=1, answers=long)) as site:
        phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
        page = enter(site.url, "A rater with a name that is rather long", **phone)
        for touched in (None, ".say.yes", ".say.no", ".say.pass"):
            if touched:
                page.tab.locator(f"[aria-current] {touched}").tap()
            assert page.tab.evaluate("document.documentElement.scrollWidth") == 360
            sizes = page.tab.locator("button:visible").evaluate_all(
                "all => all.map(each => { const box = each.getBoundingClientRect();"
                " return [each.textContent, Math.round(box.width), Math.round(box.height), box.right <= 360]; })"
            )
            assert len(sizes) > 8
            assert [each for each in sizes if each[1] < 44 or each[2] < 44 or not each[3]] == []
        page.saved()
        assert sorted(site.labels().values(), key=str) == [(None, None), (True, False)]


def test_texts_stay_texts(make_job: Jobs, serve: Serve, enter: Open) -> None:
    bad = ("<script>document.title = 'bad'</script>", "<img src=x onerror=\"document.title = 'bad'\">", "{{ 7 * 7 }}")
    with serve(make_job(pages=1, answers=bad)) as site:
        page = enter(site.url, "<b onclick=alert(1)>ann</b>")
        assert sorted(page.tab.locator(".answer .speech").all_inner_texts()) == sorted(bad)
        assert page.tab.locator("main script, main img, #who b").count() == 0
        assert page.tab.locator("#who").inner_text() == "<b onclick=alert(1)>ann</b>"
        assert page.tab.title() == "Labelling"


def test_russian_dialogs_are_labelled_in_russian_unless_one_says_otherwise(
    make_job: Jobs, serve: Serve, enter: Open
) -> None:
    with serve(make_job(pages=1, locale="ru")) as site:
        page = enter(site.url)
        assert page.tab.locator("html").get_attribute("lang") == "ru"
        assert "Осмысленно?" in page.tab.locator(".question").first.inner_text()
        page.tab.locator("#guide").click()
        assert page.tab.locator("#guidelines article:visible h1").inner_text().startswith("Осмысленно и конкретно")
        page.tab.keyboard.press("Escape")
        page.tab.locator("#language").click()
        page.tab.reload()
        page.tab.locator(".question", has_text="Is it sensible?").first.wait_for()
    with serve(make_job(pages=1, locale="ru")) as site:
        page = enter(site.url, locale="ru-RU")
        assert page.tab.locator("html").get_attribute("lang") == "ru"


def test_what_is_at_hand_can_be_seen_and_heard(make_job: Jobs, serve: Serve, enter: Open) -> None:
    with serve(make_job(pages=1)) as site:
        page = enter(site.url)
        assert page.tab.evaluate("document.activeElement.getAttribute('aria-current')") == "true"
        page.press("1")
        assert page.tab.locator("#said").inner_text() == "Is it specific?"
        assert page.tab.locator("#said").get_attribute("aria-live") == "polite"
        page.press("Tab")
        outline = page.tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert (page.tab.evaluate("document.activeElement.textContent"), outline) == ("Yes 1", "solid")
        nameless = page.tab.locator("button:visible, input:visible, progress:visible").evaluate_all(
            "all => all.filter(each => !each.textContent.trim() && !each.ariaLabel).map(each => each.id)"
        )
        assert nameless == []
        page.press("?")
        assert page.tab.locator("#keysheet").is_visible()
        page.press("1")  # a key pressed in a window on top is not an answer
        page.press("Escape")
        assert site.labels() == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(make_job: Jobs, serve: Serve, enter: Open, scheme: str) -> None:
    with serve(make_job(pages=1)) as site:
        page = enter(site.url, color_scheme=scheme)
        page.press("1 2 1")
        found = page.tab.evaluate(CONTRAST)
        assert len(found) > 15
        assert [each for each in found if each[1] < 4.5] == []
        ground = page.tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, ground[4:-1].split(","))) < 200) == (scheme == "dark")
