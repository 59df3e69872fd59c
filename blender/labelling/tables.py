"""The tables labels are kept in.

``labels`` holds what each rater last said of each item; ``history`` everything ever said or taken back, in order, and
nothing is deleted from it; ``claims`` which page was given to whom, as their how-manieth, and whether it is still
before them (``open``); ``campaigns`` one row each, which a writer locks so that writers of one campaign come one after
the other.
"""

from __future__ import annotations

from typing import Any

from blender.errors import MissingPackage

try:
    import sqlalchemy as sql
except ImportError as fault:
    raise MissingPackage(
        "labelling needs sqlalchemy; install it with `pip install 'response-blender[label]'`"
    ) from fault

__all__ = ("CAMPAIGNS", "CLAIMS", "HISTORY", "LABELS", "META", "sql")  # sql: sqlalchemy, known to be there
META = sql.MetaData()


def _what() -> list[sql.Column[Any]]:
    return [
        sql.Column("sensible", sql.Boolean),
        sql.Column("specific", sql.Boolean),
        sql.Column("seconds", sql.Float),
        sql.Column("at", sql.String(40), nullable=False),
        sql.Column("origin", sql.String(200), nullable=False),
    ]


LABELS = sql.Table(
    "labels",
    META,
    sql.Column("campaign", sql.String(16), primary_key=True),
    sql.Column("item", sql.String(64), primary_key=True),
    sql.Column("rater", sql.String(200), primary_key=True),
    *_what(),
)
HISTORY = sql.Table(
    "history",
    META,
    sql.Column("id", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("campaign", sql.String(16), nullable=False),
    sql.Column("item", sql.String(64), nullable=False),
    sql.Column("rater", sql.String(200), nullable=False),
    sql.Column("withdrawn", sql.Boolean, nullable=False),
    *_what(),
    sql.Index("history_of_campaign", "campaign", "id"),
)
CLAIMS = sql.Table(
    "claims",
    META,
    sql.Column("campaign", sql.String(16), primary_key=True),
    sql.Column("page", sql.String(64), primary_key=True),
    sql.Column("rater", sql.String(200), primary_key=True),
    sql.Column("number", sql.Integer, nullable=False),
    sql.Column("open", sql.Boolean, nullable=False),
    sql.Column("at", sql.String(40), nullable=False),
    sql.UniqueConstraint("campaign", "rater", "number"),
    sql.Index("claims_open", "campaign", "open"),
)
CAMPAIGNS = sql.Table("campaigns", META, sql.Column("campaign", sql.String(16), primary_key=True))
