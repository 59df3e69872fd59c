"""`blend label page`: serve the labelling page of a campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from blender.labelling.allocation import allocate
from blender.labelling.campaign import Campaign
from blender.serving.label.command import Database, Folder
from blender.serving.label.job import Job
from blender.serving.page.app import make_app
from blender.serving.page.desk import Desk
from blender.serving.page.raters import named
from blender.serving.terminal import messages, output, shown
from blender.serving.web.listening import address, check_address, is_every, is_loopback, listen, served_names, server


def page(
    job: Folder,
    db: Database = None,
    host: Annotated[
        str, typer.Option(help="Address to serve; any but this machine's own needs --token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to serve; 0 for any free one.")] = 8765,
    token: Annotated[
        str | None, typer.Option("--token", envvar="BLEND_LABEL_TOKEN", help="Nobody gets in without it.")
    ] = None,
    raters: Annotated[
        str | None, typer.Option("--raters", help="Names, by commas: pages are shared out among them beforehand.")
    ] = None,
) -> None:
    """Serve the page on which raters label; every click is saved at once."""
    check_address(host, token)
    opened = Job.open(job, db)
    plan = None if raters is None else _plan(opened.campaign, raters)
    listening = listen(host, port)
    store = opened.store()
    _say(host, listening.getsockname()[1], token)
    try:
        app = make_app(Desk(opened.campaign, store, plan), token=token, hosts=served_names(host))
        server(app).run(sockets=[listening])
    except KeyboardInterrupt:  # the usual way to end it
        messages().print(shown(f"Ended. The labels are in {'the database' if db else opened.db}."))
    finally:
        store.close()


def _plan(campaign: Campaign, raters: str) -> Mapping[str, Sequence[str]]:
    return allocate(campaign, [named(name, ()) for name in raters.split(",")])


def _say(host: str, port: int, token: str | None) -> None:
    output().print(shown(address(host, port, token)), soft_wrap=True)
    if is_every(host):
        messages().print("If that name is not known in your network, put this machine's address in its place.")
    if not is_loopback(host):
        messages().print(
            "Names, texts and the token go over the network as they are: use a network you trust, or put a server that "
            "speaks HTTPS before it, one that passes on the Host it was asked by."
        )
    messages().print("Give this address to the raters. Ctrl+C ends it; nothing is lost.")
