"""The bundle: what ``blend train`` makes and a blender loads. A folder of JSON and LightGBM text, nothing pickled.

bundle.json              columns in order, annotators with settings and fingerprints, linear weights,
                         calibration curves, digests of data and files, metrics, versions
order.0.txt ...          trees, one file per seed
sensible.0.txt ...
specific.0.txt ...
CARD.md                  the model card, for people: it may be edited, all else may not
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from blender.annotation import USER
from blender.catalogue import annotator_catalogue
from blender.errors import BadBundle, BlendError, ColumnMismatch
from blender.manifest import (
    FORMAT,
    MANIFEST,
    LinearPart,
    Manifest,
    TreesPart,
    read_checked,
    read_manifest,
    replacing,
    sha256,
    write_flushed,
)
from blender.outputs import check_bundle_place
from blender.ranker import LearnedRanker, annotators_of
from blender.roles import Annotator, matrix_columns
from blender.terms import Curve, Head, Linear, Trees
from blender.versions import since, versions

CARD = "CARD.md"
HEADS = ("sensible", "specific")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """A trained ranker with everything that must be as it was in training.

    Attributes:
        ranker: reads ``columns``.
        annotators: settings by annotator, in the order of the columns.
        fingerprints: of each annotator at training: settings, models, method.
        data: digests of the label files it was trained on, by name.
        target: the human score it was trained to order by.
        metrics: head-room of it and of every baseline.
        settings: how it was trained.
        versions: of packages at training.
        card: the model card, markdown.
        fingerprint: 16 hex digits that name this bundle; empty until it is saved or loaded.
    """

    ranker: LearnedRanker
    annotators: Mapping[str, Mapping[str, Any]]
    fingerprints: Mapping[str, str]
    data: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    card: str = ""
    fingerprint: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of training, in order, the user's own (``user.NAME``) last."""
        return self.ranker.columns

    @property
    def user_columns(self) -> tuple[str, ...]:
        """The user's own columns among them."""
        return tuple(name for name in self.columns if name.startswith(USER))

    def build_annotators(self) -> dict[str, Annotator]:
        """Make the annotators with their settings of training; their models load on first use.

        Raises:
            UnknownName: an annotator or one of its settings does not exist (any more).
        """
        return {name: annotator_catalogue().build(name, settings) for name, settings in self.annotators.items()}

    def check(self, annotators: Mapping[str, Annotator]) -> None:
        """Refuse annotators that would not give the numbers the ranker was trained on.

        Annotators that the ranker does not read are ignored. One whose models cannot be found is passed over:
        it costs its columns when it is asked to judge, not the answer.

        Raises:
            ColumnMismatch: columns are missing, unexpected or in another order.
            BadBundle: an annotator has another fingerprint (other settings, model or method).
        """
        at_hand = {name: annotators[name] for name in self.annotators if name in annotators}
        check_columns(self.columns, at_hand)
        wrong: list[str] = []
        unknown: dict[str, list[str]] = {}  # annotators by what is missing: many read one model
        for name, annotator in at_hand.items():
            try:
                wrong += self._changed(name, annotator.fingerprint)
            except BlendError as fault:
                unknown.setdefault(str(fault), []).append(name)
        for missing, names in unknown.items():
            log.warning("cannot be compared with the bundle's annotators: %s: %s", ", ".join(names), missing)
        if wrong:
            raise BadBundle("\n".join(wrong) + since(self.versions))

    def _changed(self, name: str, now: str) -> list[str]:
        if now == self.fingerprints[name]:
            return []
        return [
            f"annotator {name!r} is not the one the ranker was trained with: fingerprint {now}, "
            f"in training {self.fingerprints[name]}. Use the settings ({dict(self.annotators[name])}), models and "
            "packages of the bundle, or train anew with `blend train`."
        ]


def check_columns(columns: tuple[str, ...], annotators: Mapping[str, Annotator]) -> None:
    """Refuse annotators whose columns are not these, the user's own aside.

    Raises:
        ColumnMismatch: names what is missing, unexpected or in another order.
    """
    came = tuple(matrix_columns(annotators))
    expected = tuple(name for name in columns if not name.startswith(USER))
    if came != expected:
        raise ColumnMismatch(expected, came)


def save_bundle(folder: Path, bundle: Bundle) -> None:
    """Write a bundle aside, then put it in place; a bundle that was there is replaced.

    Raises:
        BadBundle: the disk is full or not writable, or ``folder`` holds something that is not a bundle;
            what was there before stays.
    """
    folder = Path(folder)
    check_bundle_place(folder)
    try:
        with replacing(folder) as aside:
            _write(aside, bundle)
    except OSError as fault:
        raise BadBundle(
            f"the bundle could not be written to {folder}: {fault.strerror or fault}; nothing was changed. "
            "Make room or choose another folder"
        ) from None


def _write(folder: Path, bundle: Bundle) -> None:
    ranker = bundle.ranker
    parts: dict[str, TreesPart] = {}
    files: dict[str, str] = {CARD: bundle.card}
    for name in ("order", *HEADS):
        head = None if name == "order" else getattr(ranker, name)
        trees: Trees | None = ranker.order if name == "order" else head and head.trees
        if trees is None:
            continue
        names = tuple(f"{name}.{seed}.txt" for seed in range(len(trees.texts)))
        files |= dict(zip(names, trees.texts, strict=True))
        curve = head.curve if head else Curve(x=np.zeros(0), y=np.zeros(0))
        parts[name] = TreesPart(
            columns=trees.columns,
            files=names,
            x=tuple(curve.x.tolist()),
            y=tuple(curve.y.tolist()),
            probe=_written(head.probe) if head else LinearPart(),
            after=HEADS[0] if head and head.after else "",
        )
    manifest = Manifest(
        format=FORMAT,
        columns=ranker.columns,
        annotators={name: dict(settings) for name, settings in bundle.annotators.items()},
        fingerprints=dict(bundle.fingerprints),
        data=dict(bundle.data),
        target=bundle.target,
        linear=_written(ranker.linear),
        head_weight=ranker.head_weight,
        length_taste=ranker.length_taste,
        trees=parts,
        metrics=dict(bundle.metrics),
        settings=dict(bundle.settings),
        versions=dict(bundle.versions) or versions(),
        sha256={name: sha256(text.encode()) for name, text in files.items()},
    )
    for name, text in files.items():
        write_flushed(folder / name, text.encode())
    write_flushed(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle and check all that can be checked without models.

    Raises:
        BadBundle: a file is missing, truncated or altered, the version is unknown, parts contradict each other.
        ColumnMismatch: the annotators of this version give other columns than the bundle was trained on.
    """
    folder = Path(folder)
    manifest, raw = read_manifest(folder)
    texts = {name: read_checked(folder, name, digest) for name, digest in manifest.sha256.items() if name != CARD}
    listed = sorted({name for part in manifest.trees.values() for name in part.files} - set(texts))
    if listed or "order" not in manifest.trees:
        raise BadBundle(f"{folder / MANIFEST} lists no {', '.join(listed) or 'trees for the order'}; fetch it anew")
    trees = {
        name: Trees(columns=part.columns, texts=tuple(texts[file] for file in part.files))
        for name, part in manifest.trees.items()
    }
    try:
        for part in trees.values():
            _ = part.texts and part.forest  # parse now: a broken one should stop the loading, not an answer
    except ColumnMismatch:
        raise
    except BadBundle as fault:
        raise BadBundle(f"{fault}.{since(manifest.versions)}") from None
    bundle = Bundle(
        ranker=_ranker(manifest, trees, folder),
        annotators=manifest.annotators,
        fingerprints=manifest.fingerprints,
        data=manifest.data,
        target=manifest.target,
        metrics=manifest.metrics,
        settings=manifest.settings,
        versions=manifest.versions,
        card=_card(folder),
        fingerprint=sha256(raw)[:16],
    )
    _agree(bundle, folder)
    return bundle


def _card(folder: Path) -> str:
    """The card as it is now, if it is there: nothing is computed by it, and people may write in it."""
    try:
        return (folder / CARD).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _ranker(manifest: Manifest, trees: Mapping[str, Trees], folder: Path) -> LearnedRanker:
    heads: dict[str, Head] = {}
    for name in HEADS:
        if name in trees:
            part = manifest.trees[name]
            if not part.x or len(part.x) != len(part.y):
                raise BadBundle(
                    f"{folder / MANIFEST}: the calibration of {name!r} has {len(part.x)} x and {len(part.y)} y"
                )
            curve = Curve(x=np.array(part.x), y=np.array(part.y))
            if not curve.rises:
                raise BadBundle(f"{folder / MANIFEST}: the calibration of {name!r} does not rise; train it anew")
            if part.after and part.after not in heads:
                raise BadBundle(f"{folder / MANIFEST}: {name!r} comes after {part.after!r}, which is no head before it")
            heads[name] = Head(
                trees=trees[name],
                curve=curve,
                probe=_read(part.probe, f"probe of {name!r}", folder),
                after=heads.get(part.after),
            )
    return LearnedRanker(
        columns=manifest.columns,
        linear=_read(manifest.linear, "linear part", folder),
        head_weight=manifest.head_weight,
        length_taste=manifest.length_taste,
        order=trees["order"],
        **heads,
    )


def _written(linear: Linear) -> LinearPart:
    return LinearPart(columns=linear.columns, weights=tuple(map(float, linear.weights)))


def _read(part: LinearPart, what: str, folder: Path) -> Linear:
    if len(part.columns) != len(part.weights):
        raise BadBundle(
            f"{folder / MANIFEST}: the {what} has {len(part.columns)} columns and {len(part.weights)} weights"
        )
    return Linear(columns=part.columns, weights=np.array(part.weights, dtype=np.float32))


def _agree(bundle: Bundle, folder: Path) -> None:
    """The columns are those of the annotators, and each of these has a fingerprint."""
    unknown = sorted(set(annotators_of(bundle.columns)) ^ set(bundle.annotators))
    if unknown:
        raise BadBundle(f"{folder / MANIFEST}: columns and annotators do not agree about: {', '.join(unknown)}")
    bare = sorted(set(bundle.annotators) - set(bundle.fingerprints))
    if bare:
        raise BadBundle(f"{folder / MANIFEST} has no fingerprint for: {', '.join(bare)}")
    check_columns(bundle.columns, bundle.build_annotators())
