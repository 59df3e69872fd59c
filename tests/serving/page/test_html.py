from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

from blender.labelling.campaign import Campaign
from blender.serving.page.html import page_html, static_files


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.inline.append(data.strip())


def parsed(html: str) -> Seen:
    seen = Seen()
    seen.feed(html)
    return seen


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(make_job: Callable[..., Campaign]) -> None:
    seen = parsed(page_html(make_job(), []))
    assert not any(seen.inline)
    names = static_files()
    for tag, attributes in seen.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        for name in ("src", "href", "action"):
            place = attributes.get(name)
            assert place is None or place.removeprefix("/static/") in names, place


def test_every_key_of_the_texts_is_there_in_both_languages(make_job: Callable[..., Campaign]) -> None:
    wanted = {
        attributes["data-say"] for _, attributes in parsed(page_html(make_job(), [])).tags if "data-say" in attributes
    }
    words = static_files()["words.js"][0].decode()
    english, russian = words.split("  ru: {")
    keys = [set(re.findall(r"(?:^|[{,]\s*|\s)(\w+): (?=[\"(\[])", part)) for part in (english, russian)]
    assert keys[0] - {"en"} == keys[1]
    assert wanted <= keys[1]


def test_scripts_never_read_text_as_html() -> None:
    for name, (content, _) in static_files().items():
        for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http:", "https:"):
            assert sink not in content.decode().replace("http://www.w3.org/2000/svg", ""), (name, sink)


def test_the_guidelines_are_there_in_both_languages(make_job: Callable[..., Campaign]) -> None:
    html = page_html(make_job(locale="ru"), [])
    assert "<h1>Sensible and specific: how to judge answers</h1>" in html
    assert "<h1>Осмысленно и конкретно: как оценивать ответы</h1>" in html
    assert 'data-locale="ru"' in html


def test_names_of_raters_are_escaped(make_job: Callable[..., Campaign]) -> None:
    html = page_html(make_job(), ['"><script>alert(1)</script>'])
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
