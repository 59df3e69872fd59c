"""Everything the report on tuning needs, read or made once and kept in the cache folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from blender.index.base import PhraseBase
from blender.index.heads import Heads
from blender.index.opening import open_base
from blender.index.scores import BaseScores
from blender.matrix import Floats
from blender.training.tune.contrastive import Embedding
from blender.training.tune.dialogues import Pair, PairSettings, draw, read_pairs, split
from blender.training.tune.fitting import Pairs
from blender.training.tune.interest import Interest, as_interest, log_perplexity, mean_rarity
from blender.training.tune.judge import JUDGE_SETS, REWARD_SETS, Judge
from blender.training.tune.recall import AMONG
from blender.training.tune.scene import Scene
from blender.training.tune.stage import Gate, RewardStage

DIALOGUES = "pkg:chitchat_dataset"
TRAIN_CONTEXTS, DEV_CONTEXTS, TEST_CONTEXTS = 800, 200, 600


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Data of the report.

    Attributes:
        data: folder laid out as docs/data.md says.
        base: the phrases to answer with.
        seed: of split and draws.
        said: what judges said of contexts and phrases, by part, contexts and sets; filled as stages are asked.
    """

    data: Path
    base: PhraseBase = field(default_factory=lambda: open_base("demo"))
    seed: int = 0
    said: dict[tuple[str, int, tuple[str, ...]], dict[tuple[int, int], tuple[float, float]]] = field(
        default_factory=dict
    )

    @cached_property
    def parts(self) -> dict[str, list[Pair]]:
        """The packaged conversations, split by conversation."""
        return split(read_pairs(DIALOGUES, PairSettings()), self.seed)

    @cached_property
    def untuned(self) -> Heads:
        """Heads that change nothing."""
        return Heads.identity(self.scene.replies.shape[1], self.base.manifest.encoder_fingerprint)

    @cached_property
    def embedding(self) -> Embedding:
        """How pairs become vectors of the base's encoder."""
        settings = self.base.manifest.settings
        return Embedding(ref=settings.encoder, encoder=self.base.encoder, fade=settings.fade)

    @cached_property
    def train(self) -> Pairs:
        """All training pairs as vectors."""
        return self.embedding.pairs(self.parts["train"])

    @cached_property
    def test_pairs(self) -> list[Pair]:
        """The 1,000 held-out pairs among whose replies the true one is looked for."""
        return draw(self.parts["test"], AMONG, self.seed)

    @cached_property
    def test(self) -> Pairs:
        """The same as vectors."""
        return self.embedding.pairs(self.test_pairs)

    @cached_property
    def scene(self) -> Scene:
        """The base's phrases."""
        return Scene(base=self.base)

    def contexts(self, part: str, most: int) -> list[Pair]:
        """Up to ``most`` contexts of a part that the base does not hold, drawn."""
        return draw(self.scene.foreign(self.parts[part]), most, self.seed + 1)

    @cached_property
    def losses(self) -> Floats:
        """Nats per token of each phrase of the base alone under the language model, float32 (phrases,)."""
        scores = BaseScores.find(self.base)
        if scores is not None and "perplexity.alone" in scores.columns:
            return scores.column("perplexity.alone")
        return log_perplexity(self.scene.texts)

    @cached_property
    def rarities(self) -> Floats:
        """Mean rarity of the words of each phrase of the base, float32 (phrases,)."""
        return mean_rarity(self.scene.texts)

    def interest_of(self, interest: Interest, losses: Floats, rarities: Floats) -> Floats:
        """Interest of texts with these losses and rarities, by the base's own distributions; not ``specific``."""
        values, of = (rarities, self.rarities) if interest == "rarity" else (losses, self.losses)
        return as_interest(interest, values, of)

    def judge(self, sets: tuple[tuple[str, ...], tuple[str, ...]]) -> Judge:
        """Heads trained on these sets."""
        sensible, specific = ([self.data / "labelled" / f"{name}.jsonl" for name in each] for each in sets)
        return Judge.of_labels(sensible, specific).with_embeddings(
            dict(zip(self.scene.texts, self.scene.replies, strict=True)), self.base.manifest.encoder_fingerprint
        )

    @cached_property
    def paying(self) -> Judge:
        """The heads that rewards are made of."""
        return self.judge(REWARD_SETS)

    @cached_property
    def judging(self) -> Judge:
        """The heads that judge what came out."""
        return self.judge(JUDGE_SETS)

    def stage(
        self, part: str, most: int, judge: Judge, interest: Interest = "specific", gate: Gate = "sensible"
    ) -> RewardStage:
        """Contexts of a part with rewards."""
        pairs = self.contexts(part, most)
        by_phrase = self.interest_of(interest, self.losses, self.rarities) if interest != "specific" else None
        return RewardStage(
            scene=self.scene,
            pairs=pairs,
            queries=self.embedding.pairs(pairs).queries,
            judge=judge,
            interest=interest,
            gate=gate,
            by_phrase=by_phrase,
            said=self.said.setdefault((part, most, judge.sets), {}),
        )
