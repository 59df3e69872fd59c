from __future__ import annotations

import socket

import pytest

from blender.errors import BadInput
from blender.serving.web.listening import address, check_address, is_loopback, listen, served_names


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9", "LocalHost"])
def test_this_machine_needs_no_token(host: str) -> None:
    check_address(host, None)
    assert is_loopback(host)
    assert host.lower() in (served_names(host) or ())


EVERYWHERE = "0.0.0.0"  # noqa: S104 - to be refused


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.168.1.4", "label.example", "localhost.evil.example"])
def test_any_other_address_needs_one_and_one_is_suggested(host: str) -> None:
    with pytest.raises(BadInput, match=r"so a token is needed; give --token, for instance --token [\w-]{20,}$"):
        check_address(host, None)
    check_address(host, "long-enough-token")
    assert served_names(host) is None


@pytest.mark.parametrize("token", ["", "short", "with space in it", "with;semicolon-in", "naïve-naïve-naïve"])
def test_a_token_is_long_and_plain(token: str) -> None:
    with pytest.raises(BadInput, match="a token is 12 or more of"):
        check_address("127.0.0.1", token)


def test_a_port_that_is_taken_is_said_to_be() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(BadInput, match="give another --port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_answers_are_sent_at_once() -> None:
    """Without its protocol asyncio leaves Nagle's algorithm on, and every answer to a browser waits 40 ms."""
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_the_address_can_be_opened() -> None:
    assert address("127.0.0.1", 8765, "abc") == "http://127.0.0.1:8765/?token=abc"
    assert address(EVERYWHERE, 8765, "abc") == f"http://{socket.gethostname()}:8765/?token=abc"
