"""Judged pools written as preferences: one pass, one dialog at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from blender.errors import BadInput, BlendError
from blender.outputs import check_new_file, written_aside
from blender.serving.export.datasheet import Account, datasheet
from blender.serving.export.judged import By, JudgedPool, judged_pools
from blender.serving.export.pairing import PairSettings, pairs_of, usable
from blender.serving.export.rows import Layout
from blender.serving.export.splitting import SIDES, Side, Split
from blender.serving.export.writing import SUFFIXES, Sink, writing
from blender.serving.journal import ANSWERS

if TYPE_CHECKING:
    from blender.engine import Blender


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is exported, and how.

    Attributes:
        inputs: label files, pools, answers of `blend evaluate`.
        out: folder for ``train`` and ``test``, or one file.
        by: what scores the answers.
        target: of labels, see `blender.serving.export.judged.TARGETS`; ``None`` = the first each set allows.
        suffix: of the files in a folder.
        layout: of the rows.
        pairs: which are made.
        test_share: see `Split`.
        test_families: see `Split`.
        seed: of the split.
        licence: of the data, for the datasheet.
        overwrite: replace files that are there.
    """

    inputs: Sequence[Path]
    out: Path
    by: By = "labels"
    target: str | None = None
    suffix: str = ".jsonl"
    layout: Layout = field(default_factory=Layout)
    pairs: PairSettings = field(default_factory=PairSettings)
    test_share: float = 0.0
    test_families: Sequence[str] = ()
    seed: int = 0
    licence: str = ""
    overwrite: bool = False

    @property
    def options(self) -> dict[str, str]:
        """What was chosen, for the datasheet."""
        pairs = self.pairs
        split = f"families {', '.join(self.test_families)}" if self.test_families else f"share {self.test_share}"
        return {
            "format": self.layout.format,
            "style": self.layout.style,
            "scored by": self.by,
            "pairs": f"{pairs.which}, margin at least {pairs.margin}, at most {pairs.most} a dialog",
            "answers": "of machines" if pairs.machine_only else "of people and machines",
            "for testing": f"{split}, seed {self.seed}" if self.test_share or self.test_families else "nothing",
        }


def export_preferences(request: Request, blender: Callable[[], Blender]) -> tuple[Account, dict[Side, Path]]:
    """Write the files and the datasheet beside them.

    Args:
        request: what and how.
        blender: loads what judges pools that were not judged yet.

    Returns:
        What was counted, and the files by side.

    Raises:
        BadInput: an input is wrong, targets are mixed, no row is left, or a file is there already.
        BlendError: the place cannot be written; nothing was changed.
    """
    split = Split(share=request.test_share, families=request.test_families, seed=request.seed)
    account = Account()
    with closing(split):
        places, page = _places(request, split.sides)
        with writing(list(places.values()), request.layout.schema) as sinks:
            _write(request, split, dict(zip(places, sinks, strict=True)), account, blender)
            _check(request, account, split.sides)
    _write_page(page, datasheet(account, request.inputs, request.options, places, request.licence))
    return account, places


def _places(request: Request, sides: Sequence[Side]) -> tuple[dict[Side, Path], Path]:
    """The files by side, and the datasheet's."""
    if request.out.suffix in SUFFIXES:
        if len(sides) > 1:
            raise BadInput(f"--out {request.out.name} is one file, a split needs a folder; give --out a folder")
        places: dict[Side, Path] = {"train": request.out}
        page = request.out.with_suffix(".md")
    else:
        places = {side: request.out / f"{side}{request.suffix}" for side in sides}
        page = request.out / "README.md"
    there = [str(place) for place in (*places.values(), page) if place.exists()]
    if there and not request.overwrite:
        raise BadInput(f"{', '.join(there)} is there already; give another --out, or --overwrite")
    read = [file for each in request.inputs for file in (each, each / ANSWERS)]
    for place in (*places.values(), page):
        check_new_file(place, overwrite=request.overwrite, read=read)
    _check_sides(request.out, list(places.values()))
    return places, page


def _check_sides(folder: Path, places: Sequence[Path]) -> None:
    """Refuse to leave a side of an earlier export beside this one: a dialog could then be in training and test."""
    every = [folder / f"{side}{suffix}" for side in SIDES for suffix in SUFFIXES]
    left = [str(path) for path in every if path.exists() and path not in places]
    if left:
        raise BadInput(
            f"{', '.join(left)} is of an earlier export and would stay beside this one; remove it, or give another "
            "--out"
        )


def _write(
    request: Request, split: Split, sinks: Mapping[Side, Sink], account: Account, blender: Callable[[], Blender]
) -> None:
    for pool in _pools(request, blender):
        account.met(pool)
        if len(account.targets) > 1:
            raise BadInput(
                f"the inputs' scores are not of one kind: {'; '.join(account.targets)}. Export them apart, name one "
                "label for all with --target, or let one blender judge them"
            )
        side = split.side(pool)
        if side is None:
            account.skipped["dialogs: their last two turns are on the other side too"] += 1
            continue
        answers = usable(pool, request.pairs, account.skipped)
        pairs = pairs_of(answers, request.pairs, account.skipped)
        rows = list(request.layout.rows(pool, answers, pairs)) if pairs else []
        for row in rows:
            sinks[side].write(row)
        if rows:
            account.wrote(pool, side, len(rows), pairs)


def _pools(request: Request, blender: Callable[[], Blender]) -> Iterator[JudgedPool]:
    for path in request.inputs:
        yield from judged_pools(path, request.by, request.target, blender)


def _check(request: Request, account: Account, sides: Sequence[Side]) -> None:
    unknown = [name for name in request.test_families if name not in account.families]
    if unknown:
        raise BadInput(f"no dialog is of the family {', '.join(unknown)}; met were {', '.join(account.families)}")
    empty = [side for side in sides if not account.rows[side]]
    if not empty:
        return
    reasons = "; ".join(f"{reason}: {count}" for reason, count in sorted(account.skipped.items()) if count)
    where = f" for {' and '.join(empty)}" if account.rows.total() else ""
    raise BadInput(
        f"no row is left{where} of {account.dialogs} dialogs ({reasons or 'all are on the other side'}). Label more "
        "answers a dialog, lower --margin, or change what is left out"
    )


def _write_page(path: Path, text: str) -> None:
    try:
        with written_aside(path) as aside:
            aside.write_text(text, encoding="utf-8")
    except BlendError as fault:
        raise BlendError(f"the data is written, but {fault}") from None
