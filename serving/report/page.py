"""The page: one HTML file without script, network or anything outside itself."""

from __future__ import annotations

import base64
import hashlib

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from blender.serving.report.contents import charts, tables
from blender.serving.report.parts import NotKnown
from blender.serving.report.report import Report
from blender.serving.report.sentences import sentences
from blender.serving.report.table import range_of, shown, value_of

# Anchor and heading of every section, in order.
SECTIONS = {
    "scores": "Scores",
    "differences": "Differences between systems",
    "headroom": "Head-room",
    "length": "Length and specificity",
    "perplexity": "Perplexity and SSA",
    "slices": "Slices",
    "predicted": "Predicted SSA",
    "calibration": "How far predictions can be trusted",
    "agreement": "Agreement and raters",
    "disagreements": "Where ranker and raters part",
    "alarms": "Alarms",
    "costs": "Time and cost",
    "data": "Data sheet",
    "made": "How this was made",
}


def render(report: Report) -> str:
    """The whole file."""
    environment = Environment(
        loader=PackageLoader("blender.serving.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["not_known"] = lambda part: isinstance(part, NotKnown)
    environment.filters["code"] = code
    environment.globals.update(shown=shown, range_of=range_of, value_of=value_of)
    style = environment.get_template("style.css").render()
    return environment.get_template("report.html").render(
        report=report,
        sections=SECTIONS,
        verdict=sentences(report),
        tables=tables(report),
        charts=charts(report),
        style=style,
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def code(text: str) -> Markup:
    """Escaped text with what stands between backticks as code.

    >>> str(code("run `a<b` again"))
    'run <code>a&lt;b</code> again'
    """
    marked = [
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(text.split("`"))
    ]
    return Markup("").join(marked)
