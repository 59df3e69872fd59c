"""Which page was given to whom, when, and as their how-manieth; each function works inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence

from blender.labelling.tables import CLAIMS, sql


def claim(connection: sql.Connection, campaign: str, page: str, rater: str, at: str) -> None:
    """Note that a page is before a rater, as the next of theirs; again refreshes the time."""
    own = (CLAIMS.c.campaign == campaign) & (CLAIMS.c.rater == rater)
    if connection.execute(CLAIMS.update().where(own & (CLAIMS.c.page == page)).values(at=at, open=True)).rowcount:
        return
    last = connection.execute(sql.select(sql.func.max(CLAIMS.c.number)).where(own)).scalar_one()
    number = 0 if last is None else last + 1
    new = {"campaign": campaign, "page": page, "rater": rater, "number": number, "open": True, "at": at}
    connection.execute(CLAIMS.insert().values(new))


def let_go(connection: sql.Connection, campaign: str, pages: Sequence[str], rater: str) -> None:
    """Note that pages are not before a rater any more."""
    own = (CLAIMS.c.campaign == campaign) & (CLAIMS.c.rater == rater)
    connection.execute(CLAIMS.update().where(own & CLAIMS.c.page.in_(pages)).values(open=False))


def claims(connection: sql.Connection, campaign: str, since: str) -> list[tuple[str, str]]:
    """(page, rater) of open claims not older than ``since``, ISO 8601 in UTC."""
    recent = (CLAIMS.c.campaign == campaign) & CLAIMS.c.open & (CLAIMS.c.at >= since)
    rows = connection.execute(sql.select(CLAIMS.c.page, CLAIMS.c.rater).where(recent))
    return [(str(row.page), str(row.rater)) for row in rows]


def handed(connection: sql.Connection, campaign: str, rater: str) -> list[str]:
    """Pages a rater was given, in order."""
    own = sql.select(CLAIMS.c.page).where(CLAIMS.c.campaign == campaign, CLAIMS.c.rater == rater)
    return list(connection.execute(own.order_by(CLAIMS.c.number)).scalars())
