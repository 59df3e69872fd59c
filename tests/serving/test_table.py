from __future__ import annotations

import io

from rich.console import Console

from blender.engine import Blender
from blender.records import Candidate
from blender.serving.table import figure, pool_order, print_pool


def printed(blender: Blender, candidates: list[Candidate], most: int | None = None) -> str:
    console = Console(file=io.StringIO(), width=100, markup=False)
    print_pool(console, blender.choose(["Shall we go to the lake today?"], candidates), most=most)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


POOL = [
    Candidate(text="No.", source="base"),
    Candidate(text="Yes, let us take \x1b[31m[red]the boat[/] out", source="chat-model"),
    Candidate(text="Shall we go to the lake today?", source="parrot"),
    Candidate(text="", source="mute"),
]


def test_winner_first_then_the_rest_then_what_is_blocked(blender: Blender) -> None:
    selection = blender.choose(["Shall we go to the lake today?"], POOL)
    assert pool_order(selection) == (1, 0, 2, 3)
    rows = printed(blender, POOL)
    places = [rows.index(text) for text in ("Yes, let us", "No.", "Shall we go", "(nothing)")]
    assert places == sorted(places)


def test_the_table_says_what_is_blocked_and_why_within_100_columns(blender: Blender) -> None:
    shown = printed(blender, POOL)
    assert "[blocked: echo: 1.00 > 0.90]" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 100


def test_texts_cannot_steer_the_terminal(blender: Blender) -> None:
    shown = printed(blender, POOL)
    assert "\x1b[31m" not in shown
    assert "[red]the boat[/]" in shown


def test_a_long_pool_is_cut_and_counted(blender: Blender) -> None:
    many = [Candidate(text=f"answer number {n}") for n in range(1_000)]
    shown = printed(blender, many, most=5)
    assert "... and 995 more" in shown
    assert shown.count("answer number") == 5


def test_an_empty_pool_is_said(blender: Blender) -> None:
    assert printed(blender, []).strip() == "The pool is empty."


def test_what_is_not_known_is_a_dot() -> None:
    assert (figure(float("nan")), figure(0.126), figure(12.0, 0)) == ("·", "0.13", "12")
