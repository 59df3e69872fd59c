"""P(sensible) and P(specific) of answers from cheap columns: no language model, no cross-encoder.

The reward of a policy and the judge of what came out are such heads, trained on sets of different families, so that a
policy is never judged by what it was paid by. Both read the same columns: what fools these fools both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.bundle import load_bundle
from blender.catalogue import annotator_catalogue
from blender.errors import BadBundle, BadInput
from blender.matrix import FeatureMatrix, Floats
from blender.models.cache import cache_folder
from blender.records import Pool
from blender.roles import Annotator
from blender.terms import Head
from blender.training.annotate import annotate_all
from blender.training.heads import HeadSettings, fit_head
from blender.training.prepare import Prepared, prepare
from blender.training.tune.checkpoint import digest_of
from blender.training.tune.ready import ReadyEncoder
from blender.written import as_written

CHEAP = ("length", "relevance", "rarity", "overlap", "genericness", "toxicity")
LIGHT = (*CHEAP, "support", "proxy")
"""What is measured for a bundle's heads. Not `consensus`: a phrase must be worth the same whichever others happen to be
asked about in the same call."""
REWARD_SETS = (
    ("fed-turn", "dailydialog-gupta", "holistic-eval", "adv-gen-retrieval"),
    ("dstc7", "fed-turn"),
)
"""Sets of the reward's P(sensible) and P(specific); with dstc7 among them P(sensible) came out flat."""
JUDGE_SETS = (("dstc10-persona", "usr-personachat", "persona-zhao"), ("dstc10-persona", "usr-personachat"))
"""Sets of the judge's, all of one family, none of whose is among the reward's."""
MOST_CONTEXTS = 500


@dataclass(frozen=True, kw_only=True, eq=False)
class Judge:
    """Two heads and the annotators whose columns they read.

    Attributes:
        sensible: P(sensible).
        specific: P(specific).
        annotators: by name; columns of others are unknown (NaN) to the heads.
        cache: folder where measurements are kept, so that an answer is measured once.
        sets: what the heads were trained on.
    """

    sensible: Head
    specific: Head
    annotators: Mapping[str, Annotator]
    cache: Path = field(default_factory=lambda: cache_folder() / "features")
    sets: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that name both heads and the annotators."""
        measured = [f"{name} {annotator.fingerprint}" for name, annotator in self.annotators.items()]
        return digest_of(*measured, *_parts(self.sensible), *_parts(self.specific))

    def measure(self, pools: Sequence[Pool]) -> FeatureMatrix:
        """The columns of all candidates."""
        return annotate_all(pools, self.annotators, self.cache, quiet=len(pools) < 200)

    def probabilities(self, matrix: FeatureMatrix) -> tuple[Floats, Floats]:
        """P(sensible) and P(specific), float32 (rows,) each."""
        sensible, specific = (
            head.probability(_widened(matrix, head.columns)) for head in (self.sensible, self.specific)
        )
        return sensible, specific

    def with_embeddings(self, known: Mapping[str, Floats], fingerprint: str) -> Judge:
        """The same, whose annotators take these embeddings (by text) instead of computing them.

        Only annotators of the encoder that made them (by its fingerprint) are helped; they are asked for texts as
        written.
        """
        read = {as_written(text): vector for text, vector in known.items()}
        for annotator in self.annotators.values():
            encoder = getattr(annotator, "_encoder", None)
            if encoder is not None and encoder.fingerprint == fingerprint:
                # A cached property of a frozen dataclass lives in its __dict__.
                vars(annotator)["_encoder"] = ReadyEncoder(encoder, read)
        return self

    @classmethod
    def of_bundle(cls, folder: str | Path) -> Judge:
        """The heads of a bundle with those of its annotators that are light (`LIGHT`).

        Raises:
            BadBundle: it has not both heads.
        """
        bundle = load_bundle(Path(folder))
        if bundle.ranker.sensible is None or bundle.ranker.specific is None:
            raise BadBundle(f"the bundle {folder} has no P(sensible) and P(specific); train one on labels of both")
        made = bundle.build_annotators()
        light = {name: made[name] for name in LIGHT if name in made}
        return cls(sensible=bundle.ranker.sensible, specific=bundle.ranker.specific, annotators=light)

    @classmethod
    def of_labels(cls, sensible: Sequence[Path], specific: Sequence[Path]) -> Judge:
        """Heads trained on label files.

        Raises:
            BadInput: too few labels of either kind.
        """
        heads = [_trained(sensible, "sensible"), _trained(specific, "specific")]
        annotators = {name: annotator_catalogue().build(name, {}) for name in CHEAP}
        sets = tuple(dict.fromkeys(path.stem for path in (*sensible, *specific)))
        return cls(sensible=heads[0], specific=heads[1], annotators=annotators, sets=sets)


def prepared_sets(files: Sequence[Path], locale: str = "en") -> Prepared:
    """Label files with the cheap columns, up to 500 contexts of each set, of one language only."""
    annotators: dict[str, dict[str, Any]] = {name: {} for name in CHEAP}
    return prepare(files, cache_folder() / "features", annotators=annotators, locale=locale, most=MOST_CONTEXTS)


def _trained(files: Sequence[Path], label: str) -> Head:
    examples = prepared_sets(files).examples
    head = fit_head(examples, getattr(examples, label), HeadSettings())
    if head is None:
        raise BadInput(f"{', '.join(path.stem for path in files)}: too few labels of {label}, or all equal")
    return head


def _parts(head: Head) -> list[NDArray[Any] | str]:
    """All that a head is made of."""
    own = [*head.columns, *head.trees.texts, head.curve.x, head.curve.y, head.probe.weights]
    return [*own, *(_parts(head.after) if head.after else ())]


def _widened(matrix: FeatureMatrix, columns: Sequence[str]) -> FeatureMatrix:
    """The columns in that order; those that nobody measured are NaN."""
    plain = list(dict.fromkeys([*matrix.columns, *(name.split("~")[0] for name in columns)]))
    values = np.stack([matrix.column(name) for name in plain], axis=1)
    return FeatureMatrix(values=values, columns=tuple(plain), group_sizes=matrix.group_sizes)
