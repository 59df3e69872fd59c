"""``train_proxy``: from a corpus and a language model to a checked proxy, beside every baseline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from blender.models.cache import text_digest
from blender.models.proxy import Proxy, load_proxy
from blender.models.proxy_files import VERSION, ProxyManifest, check_place, save_proxy
from blender.models.proxy_head import Head
from blender.outputs import check_folder
from blender.training.proxy.card import write_card
from blender.training.proxy.fit_head import HeadSettings
from blender.training.proxy.heads import fit_head
from blender.training.proxy.judge import Judgement, judge
from blender.training.proxy.material import Material, gather
from blender.training.proxy.settings import ProxySettings

if TYPE_CHECKING:
    from blender.models.proxy_transformer import Reader

STEPS = 256
"""Steps of the stored distribution of the base."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """What ``train_proxy`` made.

    Attributes:
        proxy: as loaded from ``folder``.
        folder: where.
        judgement: on held-out phrases.
        material: what it was made of.
    """

    proxy: Proxy
    folder: Path
    judgement: Judgement
    material: Material


def train_proxy(
    source: str,
    out: Path,
    settings: ProxySettings,
    others: Mapping[str, Path] = {},
    *,
    kept: Path | None = None,
    quiet: bool = False,
) -> Trained:
    """Train a proxy, judge it, and write it to ``out``.

    Args:
        source, settings, others, kept, quiet: see ``gather``.
        out: a new or empty folder, or a proxy, which is replaced.

    Raises:
        BadInput: there are too few phrases, or all have the same loss.
        BadModel: a model cannot be loaded, or ``out`` holds something else.
    """
    check_place(out)
    check_folder(out)
    material = gather(source, settings, others, kept=kept, quiet=quiet)
    began = time.perf_counter()
    regressor = fit(material, settings, quiet=quiet)
    seconds = time.perf_counter() - began
    manifest = _manifest(material, settings)
    judgement = judge(Proxy(manifest, regressor, material.encoder), material, settings.seed)
    spent = {"judging": round(material.seconds, 1), "training": round(seconds, 1)}
    metrics = {**msgspec.to_builtins(judgement), "seconds": spent}
    manifest = msgspec.structs.replace(manifest, metrics=metrics)
    save_proxy(out, manifest, write_card(source, manifest, judgement, spent), regressor.write)
    return Trained(proxy=load_proxy(str(out)), folder=out, judgement=judgement, material=material)


def fit(material: Material, settings: ProxySettings, *, quiet: bool) -> Head | Reader:
    """Train what reads phrases."""
    if settings.size == "transformer":
        return _fit_reader(material, settings, quiet=quiet)
    chosen = HeadSettings(seed=settings.seed)
    if settings.epochs:
        chosen = replace(chosen, epochs=settings.epochs)
    return fit_head(material, settings.language, chosen, None if quiet else "encoding phrases")


def _fit_reader(material: Material, settings: ProxySettings, *, quiet: bool) -> Reader:
    from blender.training.proxy.fit_transformer import TransformerSettings, fit_reader

    chosen = TransformerSettings(layers=settings.layers, seed=settings.seed)
    if settings.epochs:
        chosen = replace(chosen, epochs=settings.epochs)
    made_of = (repr(settings), repr(chosen), material.parts.digest, material.model.fingerprint)
    return fit_reader(
        settings.encoder,
        material.train,
        material.pairs.get("train"),
        material.model.form.tokenizer,
        chosen,
        material.kept / f"training-{text_digest(*made_of)}.safetensors",
        None if quiet else "training",
    )


def _manifest(material: Material, settings: ProxySettings) -> ProxyManifest:
    head = settings.size == "head"
    steps = np.quantile(material.train.mean.astype(np.float64), np.linspace(0, 1, STEPS + 1))
    return ProxyManifest(
        version=VERSION,
        size=settings.size,
        conditional=settings.conditional,
        language=settings.language,
        model=settings.model,
        model_fingerprint=material.model.prompt_fingerprint(),
        encoder=settings.encoder if head else "",
        encoder_fingerprint=material.encoder.fingerprint if head else "",
        dimension=material.encoder.dimension if head else 0,
        quantiles=tuple(round(float(step), 4) for step in steps),
        data=material.parts.digest,
        seed=settings.seed,
        settings=asdict(settings),
        metrics={},
        sha256={},
    )
