"""The web application: one page, its files, and three requests by which it works."""

from __future__ import annotations

import logging
from collections.abc import Sequence, Set

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response

from blender.errors import BadInput, BlendError
from blender.serving.page.desk import Desk
from blender.serving.page.html import page_html, static_files
from blender.serving.page.raters import NotARater
from blender.serving.page.views import Ask, Enter, Entered, Save, Saved, Shown
from blender.serving.terminal import plain
from blender.serving.web.guard import LOOPBACK, Guard


def make_app(desk: Desk, *, token: str | None = None, hosts: Set[str] | None = LOOPBACK) -> Guard:
    """The whole application, behind its guard.

    Args:
        desk: what is labelled, and where labels go.
        token: every request needs it; ``None`` = none needed.
        hosts: names it may be asked by; ``None`` = any.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)  # its pages of documentation load from a network
    _add_files(app, desk, list(desk.plan or ()))
    _add_requests(app, desk)
    _add_errors(app)
    return Guard(app, token=token, hosts=hosts, cookie=f"blend_label_{desk.campaign.id}")


def _add_files(app: FastAPI, desk: Desk, raters: Sequence[str]) -> None:
    html, static = page_html(desk.campaign, list(raters)), static_files()

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(html)

    @app.get("/static/{name}")
    def file(name: str) -> Response:
        if name not in static:
            raise HTTPException(404)
        content, kind = static[name]
        return Response(content, media_type=kind)


def _add_requests(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/rater")
    def enter(wanted: Enter) -> Entered:
        _check(desk, wanted.campaign)
        return Entered(rater=desk.enter(wanted.name))

    @app.post("/api/page")
    def show(wanted: Ask) -> Shown:
        _check(desk, wanted.campaign)
        return desk.show(wanted.rater, wanted.number)

    @app.post("/api/labels")
    def save(given: Save) -> Saved:
        _check(desk, given.campaign)
        return Saved(saved=desk.save(given.rater, given.said))


def _check(desk: Desk, campaign: str) -> None:
    if campaign != desk.campaign.id:
        raise HTTPException(409, "another campaign is labelled here now; load the page again")


def _add_errors(app: FastAPI) -> None:
    """Every error is told alike. The page sends again what met 5xx, 401, 403, 409 or 429; what met
    another 4xx it keeps without sending it again."""

    @app.exception_handler(NotARater)
    def unknown(_: Request, fault: NotARater) -> JSONResponse:
        return JSONResponse({"problems": fault.problems}, status_code=403)

    @app.exception_handler(BadInput)
    def bad(_: Request, fault: BadInput) -> JSONResponse:
        return JSONResponse({"problems": fault.problems}, status_code=400)

    @app.exception_handler(BlendError)
    def failed(_: Request, fault: BlendError) -> JSONResponse:
        logging.getLogger("uvicorn.error").error("%s", plain(str(fault)))
        return JSONResponse({"problems": ["the database does not answer"]}, status_code=503)

    @app.exception_handler(RequestValidationError)
    def malformed(_: Request, fault: RequestValidationError) -> JSONResponse:
        told = [f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in fault.errors()]
        return JSONResponse({"problems": told}, status_code=400)

    @app.exception_handler(HTTPException)
    def refused(_: Request, fault: HTTPException) -> JSONResponse:
        return JSONResponse({"problems": [fault.detail]}, status_code=fault.status_code)
