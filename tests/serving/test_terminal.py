from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from blender.serving.terminal import plain, shown


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\x1b[31mred\x1b[0m b", "ared b"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jclear", "clear"),
        ("\x1bcreset", "reset"),
        ("two\nlines\tand\r\nmore", "two lines and more"),
        ("bell\x07 back\x08space nul\x00", "bell backspace nul"),
        ("abc\u202edcba", "abcdcba"),
        ("family 👨‍👩‍👧 остаётся", "family 👨‍👩‍👧 остаётся"),
    ],
)
def test_what_steers_a_terminal_is_dropped(text: str, kept: str) -> None:
    assert plain(text) == kept


@given(st.text(st.characters() | st.sampled_from("\x1b\x9b\x9d[]0;m\\\x07")))
def test_no_control_character_is_left(text: str) -> None:
    once = plain(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in once)


def test_markup_is_text() -> None:
    stream = io.StringIO()
    Console(file=stream, width=60).print(shown("[bold red]no[/] [link=http://x]y[/link] :smile:"))
    assert stream.getvalue().strip() == "[bold red]no[/] [link=http://x]y[/link] :smile:"
