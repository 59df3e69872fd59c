from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from blender.labelling.campaign import Campaign
from blender.labelling.records import Form, Gold, Item, Label
from blender.labelling.store import Store
from blender.records import Dialog
from blender.serving.page.app import make_app
from blender.serving.page.desk import Desk

ANSWERS = ("The loop around Bear Lake is easy.", "I don't know.", "I am a toaster.", "Sounds good.")


@dataclass
class Site:
    """A page being served, and where its labels are."""

    url: str
    campaign: Campaign
    store: Store
    desk: Desk
    headers: dict[str, str] = field(default_factory=dict)

    def request(
        self, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        data = None if body is None else json.dumps(body).encode()
        sent = self.headers | ({} if body is None else {"Content-Type": "application/json"}) | dict(headers or {})
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data, sent), timeout=30) as answer:  # noqa: S310
                return answer.status, _named(answer.headers), answer.read()
        except urllib.error.HTTPError as fault:
            return fault.code, _named(fault.headers), fault.read()

    def post(self, path: str, **body: Any) -> Any:
        status, _, content = self.request(path, {"campaign": self.campaign.id} | body)
        assert status == 200, content
        return json.loads(content)

    def page(self, rater: str, number: int | None = None) -> Any:
        return self.post("/api/page", rater=rater, number=number)

    def say(self, rater: str, item: str, sensible: bool | None, specific: bool | None = None, **more: Any) -> Any:
        said = {"item": item, "sensible": sensible, "specific": specific} | more
        return self.post("/api/labels", rater=rater, said=[said])

    def labels(self, rater: str | None = None) -> dict[str, tuple[bool | None, bool | None]]:
        return {label.item: (label.sensible, label.specific) for label in self.found(rater)}

    def found(self, rater: str | None = None) -> list[Label]:
        return self.store.labels(self.campaign.id, rater)


def _named(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def job(
    folder: Path,
    form: Form = "pool",
    pages: int = 3,
    answers: Sequence[str] = ANSWERS,
    raters: int = 2,
    gold: int = 0,
    repeated: int = 0,
    locale: str = "en",
) -> Campaign:
    """A campaign in a folder; ids tell tests, and nobody else, what is what."""
    items = []
    for number in range(pages):
        dialog = Dialog.of(["Hi!", "Hello.", f"Any trail? ({number})"], id=f"d{number}#secret-system", locale=locale)
        for at, text in enumerate(answers):
            page = f"p{number:03}" if form == "pool" else f"p{number:03}-{at}"
            items.append(Item(id=f"{page}:{at}", page=page, dialog=dialog, text=text, systems=("secret-system",)))
    for number in range(gold):
        dialog = Dialog.of(f"What is {number} and 1?", id=f"gold-{number}", locale=locale)
        right = Gold(sensible=False, specific=False)
        items.append(Item(id=f"k{number}:0", page=f"k{number}", dialog=dialog, text="Fish.", gold=right))
    for item in [item for item in items if item.page in {f"p{n:03}" for n in range(repeated)}]:
        again = Item(id=f"r{item.id}", page=f"r{item.page}", dialog=item.dialog, text=item.text, repeats=item.id)
        items.append(again)
    campaign = Campaign(name="secret-name", form=form, raters=raters, items=tuple(items), seed=3)
    campaign.save(folder)
    return campaign


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., Campaign]:
    return lambda **settings: job(tmp_path, **settings)


@pytest.fixture
def serve(tmp_path: Path, serving: Callable[[Any], AbstractContextManager[str]]) -> Callable[..., Any]:
    """Serves the page of a campaign for real."""

    @contextmanager
    def begin(
        campaign: Campaign,
        plan: Mapping[str, Sequence[str]] | None = None,
        token: str | None = None,
        any_host: bool = False,
    ) -> Iterator[Site]:
        store = Store.open(tmp_path / "labels.sqlite")
        desk = Desk(campaign, store, plan)
        app = make_app(desk, token=token, hosts=None) if any_host else make_app(desk, token=token)
        try:
            with serving(app) as url:
                yield Site(url, campaign, store, desk)
        finally:
            store.close()

    return begin


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Starts the page as a process of its own: the process, and the address it printed."""
    running: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "blender.serving.cli", "label", "page", str(tmp_path), *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        running.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield begin
    for process in running:
        process.kill()
        process.wait()


@dataclass
class Opened:
    """The page in a browser tab, before a rater."""

    tab: Any

    def press(self, keys: str) -> None:
        for key in keys.split():
            self.tab.keyboard.press(key)

    def saved(self) -> None:
        """Wait until the page says that everything is."""
        self.tab.locator("#state[data-state=saved]").wait_for()

    def shown(self) -> list[str]:
        """Items, in the order they are seen."""
        found: list[str] = self.tab.locator(".answer").evaluate_all("cards => cards.map(card => card.dataset.item)")
        return found

    def on_page(self, number: int) -> None:
        self.tab.locator("#count", has_text=f"Page {number} of").wait_for()


@pytest.fixture
def enter(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Opens the page in a browser profile of its own and gives a name; an error in its scripts fails the test."""
    profiles, faults = [], list[str]()

    def begin(url: str, rater: str = "ann", **options: Any) -> Opened:
        profile = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, "locale": "en-GB"} | options)
        profile.set_default_timeout(20_000)
        profiles.append(profile)
        tab = profile.new_page()
        tab.on("pageerror", lambda fault: faults.append(str(fault)))
        tab.goto(url)
        tab.locator("#name").fill(rater)
        tab.locator("#name").press("Enter")
        tab.locator(".answer").first.wait_for()
        return Opened(tab)

    yield begin
    for profile in profiles:
        profile.close()
    assert not faults
