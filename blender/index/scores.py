"""What the phrases of a base are worth: columns measured once, kept beside the base and looked up, never computed.

They lie in the folder ``scores`` of the base: one npy file (columns, phrases) under a content-addressed name, and a
manifest that names the state of the base and the model behind every column. `blender.index.scoring` writes them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadBase, UnknownName
from blender.index.base import PhraseBase
from blender.index.scores_manifest import AGAIN, FOLDER, MANIFEST, ScorerNote, ScoresManifest, read_scores_manifest
from blender.index.store import file_problem, map_vectors
from blender.matrix import Floats
from blender.models.cache import text_digest

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class BaseScores:
    """Scores of the phrases of a base, memory-mapped.

    Attributes:
        manifest: what they are of.
        values: float32 (columns, phrases), NaN = could not be judged.
    """

    manifest: ScoresManifest
    values: NDArray[np.floating]

    @classmethod
    def open(cls, base: PhraseBase, *, models: Mapping[str, str] | None = None) -> BaseScores:
        """Open the scores of a base.

        Args:
            base: in the state it was scored in.
            models: by column, reference of the model it must have been made with; any if not given.

        Raises:
            BadBase: there are no scores, they are broken or of another state of the base, or a column was made with
                another model; the message names both.
            UnknownName: ``models`` names a column that is not there.
        """
        place = base.folder / FOLDER
        manifest = read_scores_manifest(place)
        if manifest is None:
            raise BadBase(
                f"the phrases of {base.folder} have no scores; score them with `blend base score {base.folder}`"
            )
        _check_state(base, manifest)
        problem = file_problem(place, manifest.file)
        if problem:
            raise BadBase(f"the scores of {base.folder} are broken: {problem}; {AGAIN.format(base.folder)}")
        found = cls(manifest, map_vectors(place / manifest.file.name))
        if found.values.shape != (len(found.columns), len(base)):
            raise BadBase(
                f"the scores of {base.folder} are broken: {manifest.file.name} has the shape {found.values.shape}; "
                f"{AGAIN.format(base.folder)}"
            )
        for column, model in (models or {}).items():
            found.check_model(column, model, base.folder)
        return found

    @classmethod
    def find(cls, base: PhraseBase) -> BaseScores | None:
        """The scores of a base, ``None`` if there are none of this state of it."""
        try:
            return cls.open(base)
        except BadBase as fault:
            if (base.folder / FOLDER / MANIFEST).exists():
                log.warning("the scores beside the base are not used: %s", fault)
            return None

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Full names of the columns, such as ``perplexity.alone``."""
        return tuple(name for scorer in self.manifest.scorers for name in scorer.columns)

    def column(self, name: str) -> Floats:
        """One column, float32 (phrases,), in the order of the base's phrases; NaN = could not be judged.

        Raises:
            UnknownName: there is no such column.
        """
        return np.asarray(self.values[self._at(name)], dtype=np.float32)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits; another if the base or any score is."""
        return text_digest(self.manifest.base, self.manifest.file.sha256, *self.columns)

    def scorer(self, name: str) -> ScorerNote:
        """The scorer of a column.

        Raises:
            UnknownName: there is no such column.
        """
        self._at(name)
        return next(scorer for scorer in self.manifest.scorers if name in scorer.columns)

    def quantiles(self, name: str) -> Floats:
        """Share of the phrases with a lower value in a column, half of the equal ones counted; float32 (phrases,).

        Between 0 and 1, a single phrase has 0.5; NaN where the column is.

        Raises:
            UnknownName: there is no such column.
        """
        from scipy.stats import rankdata

        values = self.column(name)
        known = ~np.isnan(values)
        shares = np.full(len(values), np.nan, dtype=np.float32)
        if known.any():
            shares[known] = (rankdata(values[known]) - 0.5) / known.sum()
        return shares

    def stored(self, row: int) -> dict[str, float]:
        """What the candidate of a phrase carries to annotators, ``FINGERPRINT:annotator.column``; without NaN."""
        return {
            key: float(value) for key, value in zip(self._keys, self.values[:, row], strict=True) if _of(key, value)
        }

    def check_model(self, name: str, model: str, folder: Path) -> None:
        """Refuse a column made with another model.

        Raises:
            BadBase: it is another; the message names both.
            UnknownName: there is no such column.
            BadModel: the reference leads nowhere.
        """
        from blender.index.scorers import build_scorer

        note = self.scorer(name)
        wanted = build_scorer(note.name, {**note.settings, "model": model})
        if wanted.fingerprint != note.fingerprint:
            raise BadBase(
                f"{name} of the base {folder} was measured with {note.made_with} (fingerprint {note.fingerprint}), "
                f"asked for is {wanted.made_with} (fingerprint {wanted.fingerprint}); "
                f"score it again with `blend base score {folder} --model {model}`, or ask for the first"
            )

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        return tuple(key for note in self.manifest.scorers for key in note.stored or [""] * len(note.columns))

    def _at(self, name: str) -> int:
        if name not in self.columns:
            raise UnknownName("column of the base's scores", name, self.columns)
        return self.columns.index(name)


def _check_state(base: PhraseBase, manifest: ScoresManifest) -> None:
    name, fingerprint = manifest.encoder
    now = base.manifest
    if fingerprint != now.encoder_fingerprint:
        raise BadBase(
            f"the scores of {base.folder} were made when its encoder was {name!r} (fingerprint {fingerprint}), now it "
            f"is {now.settings.encoder!r} (fingerprint {now.encoder_fingerprint}); {AGAIN.format(base.folder)}"
        )
    if manifest.base != base.fingerprint:
        raise BadBase(
            f"the scores of {base.folder} are of another state of it ({manifest.phrases:,} phrases, fingerprint "
            f"{manifest.base}; now {len(base):,}, {base.fingerprint}); {AGAIN.format(base.folder)}"
        )


def _of(key: str, value: float) -> bool:
    return bool(key) and not np.isnan(value)
