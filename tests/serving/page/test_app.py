from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blender.errors import BadInput
from blender.labelling.campaign import Campaign
from blender.serving.page.command import page

Jobs = Callable[..., Campaign]
Serve = Callable[..., Any]


def finish(site: Any, rater: str, shown: Any) -> None:
    for item in shown["page"]["items"]:
        site.say(rater, item["id"], True, False, seconds=2.5)


def test_a_page_shows_the_dialog_and_its_answers(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job()) as site:
        shown = site.page("ann")
        assert [turn["speaker"] for turn in shown["page"]["turns"]] == ["human", "bot", "human"]
        assert sorted(item["text"] for item in shown["page"]["items"]) == sorted(
            item.text for item in site.campaign.items[:4]
        )
        assert shown["progress"] == {"done": 0, "of": 3, "given": 1, "judged": 0, "passed": 0, "seconds": 0.0}


def test_nothing_that_is_sent_tells_of_systems_gold_or_repetition(make_job: Jobs, serve: Serve) -> None:
    campaign = make_job(pages=4, gold=2, repeated=2)
    with serve(campaign) as site:
        sent, keys = [], set()
        while (shown := site.page("ann"))["page"] is not None:
            sent.append(json.dumps(shown["page"] | {"items": [{**each, "id": ""} for each in shown["page"]["items"]]}))
            keys |= {*shown["page"], *(key for item in shown["page"]["items"] for key in item)}
            finish(site, "ann", shown)
        done = {item.partition(":")[0][0] for item in site.labels()}
        html = site.request("/")[2].decode()
    assert keys == {"number", "locale", "facts", "turns", "items", "id", "text", "label"}
    assert done == {"p", "k", "r"}  # ordinary, gold and repeated pages were among them
    for word in ("secret", "gold", "repeat", "system", '"p0', "rp0", '"k0'):
        assert not any(word in each for each in sent), word
    assert "secret" not in html


def test_each_rater_has_an_order_of_answers_of_their_own_and_keeps_it(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=1, raters=9)) as site:
        orders = {rater: tuple(each["id"] for each in site.page(rater)["page"]["items"]) for rater in "abcdefg"}
        again = {rater: tuple(each["id"] for each in site.page(rater)["page"]["items"]) for rater in "abcdefg"}
    assert orders == again
    assert len(set(orders.values())) > 2


def test_labels_are_saved_replaced_and_taken_back(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=1)) as site:
        site.page("ann")
        site.say("ann", "p000:0", True, True, seconds=3.25)
        site.say("ann", "p000:1", False)
        site.say("ann", "p000:2", None)
        assert site.labels("ann") == {"p000:0": (True, True), "p000:1": (False, False), "p000:2": (None, None)}
        assert site.found()[0].seconds == 3.25
        site.say("ann", "p000:0", True, False, seconds=4.0)
        site.post("/api/labels", rater="ann", said=[{"item": "p000:1", "withdrawn": True}])
        assert site.labels("ann") == {"p000:0": (True, False), "p000:2": (None, None)}
        shown = {item["id"]: item["label"] for item in site.page("ann")["page"]["items"]}
        assert shown["p000:0"] == {"sensible": True, "specific": False, "seconds": 4.0}
        assert shown["p000:1"] is None


def test_a_request_that_comes_twice_changes_nothing(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=1)) as site:
        for _ in range(3):
            site.say("ann", "p000:0", True, True, seconds=3.25)
        assert site.store.history(site.campaign.id) == 1
        for _ in range(2):
            site.post("/api/labels", rater="ann", said=[{"item": "p000:0", "withdrawn": True}])
        assert site.store.history(site.campaign.id) == 2
        assert site.labels() == {}


def test_the_order_of_actions_in_one_request_counts(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=1)) as site:
        yes, no = {"item": "p000:0", "sensible": True}, {"item": "p000:0", "sensible": False}
        gone = {"item": "p000:0", "withdrawn": True}
        site.post("/api/labels", rater="ann", said=[yes, gone, no, {"item": "p000:1", "sensible": True}])
        assert site.labels() == {"p000:0": (False, False), "p000:1": (True, None)}


def test_who_comes_back_goes_on_with_the_unfinished_page(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job()) as site:
        first = site.page("ann")
        finish(site, "ann", first)
        second = site.page("ann")
        site.say("ann", second["page"]["items"][0]["id"], False)
        again = site.page("ann")
        assert again["page"]["number"] == 1
        assert {item["id"] for item in again["page"]["items"]} == {item["id"] for item in second["page"]["items"]}
        assert site.page("ann", 0)["page"]["turns"] == first["page"]["turns"]
        assert again["progress"]["done"] == 1


def test_when_nothing_is_left_the_progress_is_told(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=2)) as site:
        for _ in range(2):
            finish(site, "ann", site.page("ann"))
        shown = site.page("ann")
        assert shown["page"] is None
        assert shown["progress"] == {"done": 2, "of": 2, "given": 2, "judged": 8, "passed": 0, "seconds": 20.0}


def test_pages_shared_out_beforehand_go_to_their_raters_alone(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(), plan={"ann": ["p002", "p000"], "Bob": ["p001"]}) as site:
        assert site.page("ann")["page"]["turns"][-1]["text"] == "Any trail? (2)"
        assert site.page("ann", 1)["page"]["turns"][-1]["text"] == "Any trail? (0)"
        assert site.page("bob")["page"]["turns"][-1]["text"] == "Any trail? (1)"
        assert site.page("ann")["progress"]["of"] == 2
        finish(site, "ann", site.page("ann"))
        assert site.page("ann")["page"]["turns"][-1]["text"] == "Any trail? (0)"
        assert site.page("ann")["progress"]["done"] == 1
        status, _, told = site.request("/api/page", {"campaign": site.campaign.id, "rater": "eve"})
        assert (status, "not among the raters" in told.decode()) == (403, True)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"rater": "ann", "said": [{"item": "p000:0", "sensible": False, "specific": True}]}, 400, "not specific"),
        ({"rater": "ann", "said": [{"item": "p000:0", "sensible": True}, {"item": "x"}]}, 400, "no answer 'x'"),
        ({"rater": "ann", "said": [{"item": "p000:0", "sensible": 1}]}, 400, "said.0.sensible"),
        ({"rater": "ann", "said": [{"item": "p000:0", "seconds": -1.0}]}, 400, "said.0.seconds"),
        ({"rater": "ann", "said": [{"item": "p000:0", "more": 1}]}, 400, "said.0.more"),
        ({"rater": "  ", "said": []}, 400, "needs a name"),
        ({"rater": "a\x07b", "said": []}, 400, "cannot be seen"),
        ({"rater": "a" * 61, "said": []}, 400, "at most 60"),
        ({"rater": "ann", "said": [{"item": "p000:0"}] * 201}, 400, "said"),
        ({"rater": "ann", "campaign": "0" * 16, "said": [{"item": "p000:0", "sensible": True}]}, 409, "another"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_saved(
    make_job: Jobs, serve: Serve, body: dict[str, Any], status: int, says: str
) -> None:
    with serve(make_job(pages=1)) as site:
        got, _, told = site.request("/api/labels", {"campaign": site.campaign.id} | body)
        assert (got, site.labels()) == (status, {})
        assert says in " ".join(json.loads(told)["problems"])


def test_a_rater_goes_by_the_name_they_had_before(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=1)) as site:
        site.say("Ann", "p000:0", True, True)
        assert site.post("/api/rater", name="  ann ") == {"rater": "Ann"}
        assert site.post("/api/rater", name="Anna") == {"rater": "Anna"}


def test_a_plan_knows_a_rater_by_the_name_they_had_before(make_job: Jobs, serve: Serve) -> None:
    campaign = make_job(pages=2, raters=1)
    with serve(campaign) as site:
        site.say("ann", "p000:0", True, True)
    with serve(campaign, plan={"Ann": ["p000"], "Bob": ["p001"]}) as site:
        finish(site, "Ann", site.page("Ann"))
        assert site.page("ANN")["page"] is None
        site.say("bob", "p001:0", False)
        assert (len(site.labels("ann")), len(site.labels("Bob"))) == (4, 1)
        status, _, told = site.request("/api/labels", {"campaign": campaign.id, "rater": "eve", "said": []})
        assert (status, "not among the raters" in told.decode()) == (403, True)


def test_who_is_no_longer_in_the_plan_still_sends_what_they_said(make_job: Jobs, serve: Serve) -> None:
    campaign = make_job(pages=1)
    with serve(campaign) as site:
        site.say("ann", "p000:0", True, True)
    with serve(campaign, plan={"Bob": ["p000"]}) as site:
        site.say("Ann", "p000:1", False)
        assert len(site.labels("ann")) == 2
        assert site.request("/api/page", {"campaign": campaign.id, "rater": "ann"})[0] == 403


def test_seconds_that_an_import_brought_can_be_sent_again(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=1)) as site:
        site.say("ann", "p000:0", True, True, seconds=40_000.0)
        assert [label.seconds for label in site.found()] == [3600]


def test_pages_that_others_hold_are_told_apart_from_none(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=2, raters=1)) as site:
        finish(site, "ann", site.page("ann"))
        held = site.page("bob")
        assert (site.page("ann")["page"], site.page("ann")["held"]) == (None, 1)
        finish(site, "bob", held)
        assert (site.page("ann")["page"], site.page("ann")["held"]) == (None, 0)


def test_files_are_served_by_name_alone(make_job: Jobs, serve: Serve) -> None:
    with serve(make_job(pages=1)) as site:
        assert site.request("/static/page.css")[0] == 200
        for path in ("/static/page.html", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/docs", "/openapi.json"):
            assert site.request(path)[0] == 404, path


def test_the_command_refuses_before_it_opens_anything(make_job: Jobs, tmp_path: Path) -> None:
    make_job()
    with pytest.raises(BadInput, match="token"):
        page(tmp_path, host="0.0.0.0", db=None, port=0, token=None, raters=None)  # noqa: S104 - to be refused
    with pytest.raises(BadInput, match="each item needs 2 raters, 1 are named"):
        page(tmp_path, db=None, host="127.0.0.1", port=0, token=None, raters="ann")
    assert [path.name for path in tmp_path.iterdir()] == ["campaign.jsonl"]
