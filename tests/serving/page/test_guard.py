from __future__ import annotations

import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from blender.labelling.campaign import Campaign
from blender.serving.web.guard import _refuse_change

Jobs = Callable[..., Campaign]
Serve = Callable[..., Any]
TOKEN = "a-token-of-19-signs"  # noqa: S105
ASK = {"campaign": "", "rater": "ann"}


def ask(site: Any, **headers: str) -> int:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    status: int = site.request("/api/page", ASK | {"campaign": site.campaign.id}, given)[0]
    return status


def test_only_names_of_this_machine_are_answered(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=1)) as site:
        assert site.request("/", headers={"Host": "evil.example:8765"})[0] == 421
        assert site.request("/", headers={"Host": "127.0.0.1.evil.example"})[0] == 421
        assert site.request("/", headers={"Host": "["})[0] == 421
        for name in ("localhost", "localhost:1", "127.0.0.1:80", "[::1]:8765"):
            assert site.request("/", headers={"Host": name})[0] == 200, name


def test_another_site_cannot_send_labels(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=1)) as site:
        assert ask(site) == 200
        assert ask(site, Origin=site.url) == 200
        status, _, told = site.request("/api/page", ASK, {"Origin": "https://evil.example"})
        assert (status, "pass on the Host" in json.loads(told)["problems"][0]) == (403, True)
        assert ask(site, Origin="null") == 403
        assert ask(site, Sec_Fetch_Site="cross-site") == 403
        assert ask(site, Content_Type="text/plain") == 415
        assert ask(site, Content_Type="application/x-www-form-urlencoded") == 415


def test_what_is_too_large_is_not_read(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=1)) as site:
        assert site.request("/api/page", {"rater": "x" * 300_000})[0] == 413
        there = HTTPConnection(urlsplit(site.url).netloc, timeout=10)
        there.request("POST", "/api/page", iter([b"{}"]), {"Content-Type": "application/json"}, encode_chunked=True)
        assert there.getresponse().status == 411
        there.close()


def test_a_length_beside_chunks_is_not_believed() -> None:
    # Servers refuse both together or take one away, each in its own way; the guard does not lean on that.
    sent = {"content-type": "application/json", "content-length": "2"}
    assert _refuse_change(sent, "localhost") is None
    refused = _refuse_change(sent | {"transfer-encoding": "chunked"}, "localhost")
    assert refused is not None and refused[0] == 411


def test_every_answer_says_what_a_browser_may_do_with_it(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=1), token=TOKEN) as site:
        for path in ("/", f"/?token={TOKEN}", "/static/page.js", "/nowhere"):
            headers = site.request(path)[1]
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("any_host", [True, False])
def test_a_token_is_needed_for_everything_and_kept_in_a_cookie(make_job: Jobs, serve: Serve, any_host: bool) -> None:
    with serve(make_job(pages=1), token=TOKEN, any_host=any_host) as site:
        for path in ("/", "/static/page.js", "/?token=wrong", "/?token=", "/?token=%ff"):
            status, headers, told = site.request(path)
            assert (status, "set-cookie" in headers) == (401, False), path
            assert TOKEN not in told.decode()
        assert ask(site) == 401
        status, headers, _ = site.request(f"/?token={TOKEN}")
        assert status == 200
        cookie, *rest = headers["set-cookie"].split("; ")
        assert sorted(rest) == ["HttpOnly", "Path=/", "SameSite=Strict"]
        assert ask(site, Cookie=cookie) == 200
        assert ask(site, Cookie=cookie + "x") == 401
        assert ask(site, Cookie="other=1; " + cookie) == 200
        assert site.campaign.id in cookie.partition("=")[0]  # pages on other ports of this host have their own


def test_without_a_token_no_cookie_is_set(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=1)) as site:
        status, headers, _ = site.request("/?token=whatever%0d%0aX:1")
        assert (status, "set-cookie" in headers, "x" in headers) == (200, False, False)
