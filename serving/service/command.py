"""`blend serve`: answer over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blender.deadline import within
from blender.serving.loading import BlenderOption, load
from blender.serving.service.app import make_app
from blender.serving.service.turnstile import Turnstile
from blender.serving.terminal import messages, output, shown
from blender.serving.web.listening import address, check_address, is_loopback, listen, served_names, server


def serve(
    blender: BlenderOption = "default",
    host: Annotated[
        str, typer.Option(help="Address to serve; any but this machine's own needs --token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to serve; 0 for any free one.")] = 8766,
    token: Annotated[
        str | None,
        typer.Option("--token", envvar="BLEND_SERVE_TOKEN", help="Wanted of every request, Authorization: Bearer."),
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(help="Seconds for requests that state none; as long as it takes by default.")
    ] = None,
    waiting: Annotated[int, typer.Option(min=1, help="Requests at once; those above are told to come again.")] = 32,
) -> None:
    """Answer over HTTP: rows of JSON at /answer, chat completions at /v1."""
    with within(deadline):  # a wrong one is told before models load
        check_address(host, token)
    listening = listen(host, port)  # a port that is taken likewise
    # Clients learn the name of a file, not where it lies.
    name = Path(blender).stem if blender.endswith(".toml") else Path(blender).name
    loaded = load(blender)
    app = make_app(loaded, name, Turnstile(waiting, deadline), token=token, hosts=served_names(host))
    output().print(shown(address(host, listening.getsockname()[1], None)), soft_wrap=True)
    if not is_loopback(host):
        messages().print(
            "Texts and the token go over the network as they are: use a network you trust, or put a server that speaks "
            "HTTPS before it."
        )
    if not loaded.parts.sources:
        messages().print(
            "This blender has no sources: it chooses among candidates that come to /answer; chats get its last resort."
        )
    messages().print("Ready. Ctrl+C ends it.")
    try:
        server(app).run(sockets=[listening])
    except KeyboardInterrupt:  # the usual way to end it
        messages().print("Ended.")
