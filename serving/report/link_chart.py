"""Chart: systems by their mean perplexity and their SSA."""

from __future__ import annotations

import math

from markupsafe import Markup

from blender.judging.perplexity_link import PerplexityLink
from blender.serving.report.frame import Frame, line, mark, picture, shortened, text, ticks
from blender.serving.report.table import shown

WIDTH, HEIGHT = 640.0, 320.0


def link_chart(name: str, title: str, found: PerplexityLink) -> Markup:
    """Perplexity across, SSA upwards; one named point a system."""
    known = [each for each in found.systems if not math.isnan(each.loss + each.ssa)]
    losses = [each.loss for each in known]
    pad = 0.12 * max(max(losses) - min(losses), 0.5)
    reach = (min(losses) - pad, max(losses) + 2.5 * pad)
    frame = Frame(width=WIDTH, height=HEIGHT, left=46, right=WIDTH - 14, top=26, bottom=HEIGHT - 44, x=reach)
    parts = [text(4, 14, "SSA, %", "muted")]
    for tick in ticks(0, 1, most=5):
        parts.append(line(frame.left, frame.up(tick), frame.right, frame.up(tick), "grid" if tick else "zero"))
        parts.append(text(frame.left - 6, frame.up(tick) + 4, f"{100 * tick:.0f}", "tick", "end"))
    for tick in ticks(*frame.x):
        parts.append(text(frame.across(tick), frame.bottom + 17, f"{tick:g}", "tick", "middle"))
    middle = (frame.left + frame.right) / 2
    parts.append(text(middle, HEIGHT - 6, "mean perplexity, nats per token", "muted", "middle"))
    for each in known:
        x, y = frame.across(each.loss), frame.up(each.ssa)
        parts += [mark(x, y, 0), text(x + 9, y + 4, shortened(each.system, 22))]
    told = " ".join(f"{e.system}: {e.loss:.2f} nats per token, SSA {shown(e.ssa, 'share')} %." for e in known)
    return picture(frame, name, title, told, parts)
