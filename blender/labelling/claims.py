"""Which page was given to whom, when, and as their how-manieth; each function works inside a transaction."""

from __future__ import annotations

from blender.labelling.tables import CLAIMS, sql


def claim(connection: sql.Connection, campaign: str, page: str, rater: str, at: str) -> None:
    """Note that a page is before a rater, as the next of theirs; again refreshes the time."""
    own = (CLAIMS.c.campaign == campaign) & (CLAIMS.c.rater == rater)
    if connection.execute(CLAIMS.update().where(own & (CLAIMS.c.page == page)).values(at=at)).rowcount:
        return
    last = connection.execute(sql.select(sql.func.max(CLAIMS.c.number)).where(own)).scalar_one()
    number = 0 if last is None else last + 1
    connection.execute(CLAIMS.insert().values(campaign=campaign, page=page, rater=rater, number=number, at=at))


def claims(connection: sql.Connection, campaign: str, since: str) -> list[tuple[str, str]]:
    """(page, rater) of claims not older than ``since``, ISO 8601 in UTC."""
    wanted = sql.select(CLAIMS.c.page, CLAIMS.c.rater).where(CLAIMS.c.campaign == campaign, CLAIMS.c.at >= since)
    return [(str(row.page), str(row.rater)) for row in connection.execute(wanted)]


def handed(connection: sql.Connection, campaign: str, rater: str, start: int = 0) -> list[str]:
    """Pages a rater was given, in order, from number ``start`` on."""
    own = sql.select(CLAIMS.c.page).where(CLAIMS.c.campaign == campaign, CLAIMS.c.rater == rater)
    return list(connection.execute(own.where(CLAIMS.c.number >= start).order_by(CLAIMS.c.number)).scalars())
