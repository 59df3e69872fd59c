"""What a proxy is trained and judged on: a corpus in parts, and what the language model loses on each phrase."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blender.matrix import Floats
from blender.models.cache import cache_folder
from blender.models.encoder import Encoder, load_encoder
from blender.models.language_model import LanguageModel, load_language_model
from blender.training.proxy.corpus import Parts, Said, first_chats, read_said, split, with_context
from blender.training.proxy.examples import Scored, require_learnable, scored
from blender.training.proxy.losses import kept_vectors
from blender.training.proxy.settings import ProxySettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """What a proxy is trained and judged on.

    Attributes:
        model: the language model that judged.
        encoder: of sentences.
        parts: the corpus.
        train, test: phrases with their losses alone.
        pairs: the same two given their contexts; empty if no conditional part is wanted.
        others: corpora that are never learnt from, by name.
        kept: folder of what was judged and encoded.
        seconds: that judging took this time; what was known already took none.
    """

    model: LanguageModel
    encoder: Encoder
    parts: Parts
    train: Scored
    test: Scored
    pairs: Mapping[str, Scored]
    others: Mapping[str, Scored]
    kept: Path
    seconds: float

    def vectors(self, texts: Sequence[str], progress: str | None = None) -> Floats:
        """Sentence embeddings, float32 (texts, dimension); each text is encoded once."""
        return kept_vectors(self.encoder, texts, self.kept, progress)


def gather(
    source: str,
    settings: ProxySettings,
    others: Mapping[str, Path] = {},
    *,
    kept: Path | None = None,
    quiet: bool = False,
) -> Material:
    """Read, split, and let the language model judge what it has not judged before.

    Args:
        source: phrases; see ``blender.index.corpus``.
        settings: of training.
        others: further corpora to judge on, by name.
        kept: folder of the losses; ``None`` = under the cache folder of the models.
        quiet: no progress bars.

    Raises:
        BadInput: there are too few phrases, or all have the same loss.
    """
    parts = split(read_said(source, settings.fewest, settings.most), settings.rows, settings.held_out, settings.seed)
    model = load_language_model(settings.model, settings.dtype)
    folder = kept or cache_folder() / "proxy"
    began = time.perf_counter()

    def judged(said: Sequence[Said], what: str, given: bool = False) -> Scored:
        return scored(model, said, folder, given=given, progress=None if quiet else f"judging {what}")

    test, train = judged(parts.test, "held-out phrases"), judged(parts.train, "phrases to learn from")
    require_learnable(train)
    pairs: dict[str, Scored] = {}
    if settings.conditional:
        few = settings.pairs // 5
        pairs = {
            "test": judged(with_context(parts.test, few), "held-out pairs", True),
            "train": judged(with_context(parts.train, settings.pairs), "pairs to learn from", True),
        }
        require_learnable(pairs["train"])
    far = {
        name: judged(first_chats(read_said(path, settings.fewest, settings.most), settings.held_out // 2, 0), name)
        for name, path in others.items()
    }
    return Material(
        model=model,
        encoder=load_encoder(settings.encoder),
        parts=parts,
        train=train,
        test=test,
        pairs=pairs,
        others=far,
        kept=folder,
        seconds=time.perf_counter() - began,
    )
