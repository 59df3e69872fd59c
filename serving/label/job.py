"""The folder of a labelling job: ``campaign.jsonl``, the labels given so far, sheets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from blender import __version__
from blender.errors import BadInput
from blender.labelling.answers import Answer, read_pools
from blender.labelling.campaign import Campaign
from blender.serving.inputs import check_lasting
from blender.serving.systems.run import read_note, read_run

if TYPE_CHECKING:
    from blender.labelling.records import Label
    from blender.labelling.store import Store

LABELS = "labels.sqlite"
Made = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A campaign and where its things are.

    Attributes:
        folder: as ``blend label make`` wrote it.
        campaign: what it holds.
        db: path or SQLAlchemy URL of the labels.
    """

    folder: Path
    campaign: Campaign
    db: str

    @classmethod
    def open(cls, folder: Path, db: str | None = None) -> Job:
        """Read a job's folder.

        Raises:
            BadInput: there is no campaign, or it is broken.
        """
        campaign = Campaign.load(folder)
        home = folder if folder.is_dir() else folder.parent
        return cls(folder=home, campaign=campaign, db=db or str(home / LABELS))

    def labels(self) -> list[Label]:
        """What stands now, oldest first; none where nobody labelled yet. Makes no database.

        Raises:
            BadInput: another database than the job's own was named, and is not there.
            MissingPackage: sqlalchemy is not installed.
        """
        from blender.labelling.database import is_there
        from blender.labelling.store import Store

        if not is_there(self.db):
            if self.db != str(self.folder / LABELS):
                raise BadInput(f"there is no database {self.db}; give --db as to `blend label page` or `import`")
            return []
        store = Store.open(self.db, read_only=True)
        try:
            return store.labels(self.campaign.id)
        finally:
            store.close()

    def store(self) -> Store:
        """The database of the labels.

        Raises:
            BadInput: it cannot be opened.
            MissingPackage: sqlalchemy is not installed.
        """
        from blender.labelling.store import Store

        return Store.open(self.db)


def read_answers(source: Path, locale: str) -> tuple[Sequence[Answer], Made]:
    """The answers of a run's folder or a file of pools, and what they come from.

    Raises:
        BadInput: it is neither, or it is broken.
    """
    check_lasting(source)
    if not source.is_dir():
        return read_pools(source, locale=locale), {"pools": source.name, "pools digest": digest(source.read_bytes())}
    note = read_note(source)
    return read_run(source), {
        "run": source.resolve().name,
        **{f"system {name}": each.spec for name, each in note.systems.items()},
        **{f"system {name} digest": digest(msgspec.json.encode(each)) for name, each in note.systems.items()},
    }


def digest(content: bytes) -> str:
    """Sixteen hex digits."""
    return hashlib.sha256(content).hexdigest()[:16]


def version() -> Made:
    """What made it."""
    return {"response-blender": __version__}


def check_absent(paths: Sequence[Path], what: str) -> None:
    """Refuse to write over files.

    Raises:
        BadInput: some are there; all are listed.
    """
    there = [path for path in paths if path.exists()]
    if there:
        raise BadInput([f"{path} exists; {what}" for path in there])
