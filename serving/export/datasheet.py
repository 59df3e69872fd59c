"""What an export says of itself: a page of counts, provenance and cautions beside the data."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blender import __version__
from blender.serving.export.judged import Answer, JudgedPool
from blender.serving.export.pairing import Pair
from blender.serving.export.splitting import Side
from blender.serving.journal import ANSWERS
from blender.serving.terminal import plain

_HOW = {
    "dpo": "`trl.DPOTrainer` (and `RewardTrainer`) read `prompt`, `chosen`, `rejected`",
    "reward": "`trl.RewardTrainer` reads `chosen`, `rejected` and, in its loss, `margin`",
    "kto": "`trl.KTOTrainer` reads `prompt`, `completion`, `label`",
    "scored": "one row a dialog: `prompt`, `completions`, `scores`, best first",
}


@dataclass(kw_only=True)
class Account:
    """Counts kept while rows are written.

    Attributes:
        dialogs: read.
        rows: written, by side.
        kept: dialogs with a row, by (side, data set).
        skipped: left out, by reason.
        targets: what the scores are.
        families: of all dialogs read.
        longer: pairs whose chosen answer has more words than the rejected one.
        pairs: in all.
    """

    dialogs: int = 0
    rows: Counter[Side] = field(default_factory=Counter)
    kept: Counter[tuple[Side, str]] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    targets: Counter[str] = field(default_factory=Counter)
    families: Counter[str] = field(default_factory=Counter)
    longer: int = 0
    pairs: int = 0

    def met(self, pool: JudgedPool) -> None:
        """Count a dialog that was read."""
        self.dialogs += 1
        self.targets[pool.target] += 1
        self.families[pool.family] += 1

    def wrote(self, pool: JudgedPool, side: Side, rows: int, pairs: Sequence[Pair]) -> None:
        """Count what was written of a dialog."""
        self.rows[side] += rows
        self.kept[side, pool.dataset] += 1
        self.pairs += len(pairs)
        self.longer += sum(_words(pair.chosen) > _words(pair.rejected) for pair in pairs)


def datasheet(
    account: Account, inputs: Sequence[Path], chosen: Mapping[str, str], places: Mapping[Side, Path], licence: str
) -> str:
    """The page as markdown.

    Args:
        account: the counts.
        inputs: files or folders read.
        chosen: options, by name, as they were given.
        places: the files written.
        licence: of the data, as the user states it; may be empty.
    """
    return "\n".join(
        [
            "# Preferences",
            "",
            f"Written by `blend export preferences` of response-blender {__version__}. {_HOW[chosen['format']]}.",
            "",
            *(f"- {name}: {plain(value)}" for name, value in chosen.items()),
            *(f"- scores: {plain(target)}" for target in account.targets),
            "",
            *_counts(account, places),
            *_left_out(account),
            "## Where it comes from",
            "",
            *(f"- `{plain(path.name)}`, sha256 {_sha256(path)}" for path in inputs),
            "",
            f"Licence: {plain(licence) or _NO_LICENCE}",
            "",
            "## Cautions",
            "",
            *(f"- {caution}" for caution in _cautions(account)),
            "",
        ]
    )


_NO_LICENCE = (
    "not stated when this was written. Dialogs, answers and labels keep the licences of the sets they come from: find "
    "these out before you publish the data, or a model trained on it."
)


def _counts(account: Account, places: Mapping[Side, Path]) -> Iterator[str]:
    yield f"{account.dialogs:,} dialogs were read."
    yield ""
    yield "| file | data set | dialogs | rows |"
    yield "| --- | --- | --- | --- |"
    for side, place in places.items():
        yield f"| `{plain(place.name)}` | all | {_of(account, side):,} | {account.rows[side]:,} |"
        for (kept_in, dataset), count in sorted(account.kept.items()):
            if kept_in == side:
                yield f"| | {plain(dataset).replace('|', '/')} | {count:,} | |"
    yield ""


def _of(account: Account, side: Side) -> int:
    return sum(count for (kept_in, _), count in account.kept.items() if kept_in == side)


def _left_out(account: Account) -> Iterator[str]:
    if account.skipped.total():
        yield "## Left out"
        yield ""
        yield from (f"- {reason}: {count:,}" for reason, count in sorted(account.skipped.items()) if count)
        yield ""


def _cautions(account: Account) -> Iterator[str]:
    if account.pairs:
        share = 100 * account.longer / account.pairs
        yield f"In {share:.0f} % of {account.pairs:,} pairs the chosen answer has more words: trainers learn that too."
    if any("a model's" in target for target in account.targets):
        yield "The scores are a model's opinion: whatever it is wrong about is taught."
    yield "Marks by which chat templates begin and end turns were spelt out in all texts."


def _words(answer: Answer) -> int:
    return len(answer.text.split())


def _sha256(path: Path) -> str:
    place = path / ANSWERS if path.is_dir() else path
    with place.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
