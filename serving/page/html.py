"""The one HTML page and the files it needs, read once. All of them are packaged; nothing comes from a network."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from blender.labelling.campaign import Campaign
from blender.labelling.guidelines import LOCALES, guidelines

STATIC = files("blender.serving.page") / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def page_html(campaign: Campaign, raters: list[str]) -> str:
    """The page, with the guidelines in every language; ``raters`` are offered as names."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string((STATIC / "page.html").read_text(encoding="utf-8"))
    return template.render(
        campaign=campaign, raters=raters, locale=_locale(campaign), guidelines={name: _guide(name) for name in LOCALES}
    )


def static_files() -> dict[str, tuple[bytes, str]]:
    """Content and media type, by name."""
    return {
        file.name: (file.read_bytes(), TYPES["." + file.name.rpartition(".")[2]])
        for file in STATIC.iterdir()
        if "." + file.name.rpartition(".")[2] in TYPES
    }


def _locale(campaign: Campaign) -> str:
    """Of most dialogs."""
    counts = Counter(items[0].dialog.locale for items in campaign.pages.values())
    return counts.most_common(1)[0][0] if counts else LOCALES[0]


def _guide(locale: str) -> Markup:
    """Markdown as HTML; HTML inside it stays text."""
    made: str = MarkdownIt("commonmark", {"html": False}).render(guidelines(locale))
    return Markup(made)  # noqa: S704 - packaged text, and the renderer escapes
