"""The steps of an encoder's training: loss, looks at held-out pairs, checkpoints, the checkpoint folder at the end."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.errors import BlendError
from blender.index.context import TURN_BREAK
from blender.models.adapter import load_peft
from blender.models.tuned import newest_first
from blender.pooling import duplicate_key
from blender.training.tune.checkpoint import digest_of, load_state, save_state, take_up, training_tensors
from blender.training.tune.dialogues import Pair, numbered
from blender.training.tune.embedding import BatchEncoder

if TYPE_CHECKING:
    import torch

LOOKS = "looks.json"
"""Beside the weights of a trained encoder: its looks at held-out pairs."""
NAMED = "training.txt"
"""Beside them: the name of the training that made it."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSettings:
    """How an encoder is trained.

    Attributes:
        kind: ``full`` trains all layers but the word embeddings, ``lora`` low-rank additions to every linear layer.
        steps: batches.
        batch: pairs of a batch; each pair's negatives are the other replies.
        rate: learning rate at its height, after a tenth of the steps; then falling in a line.
        fade: what a turn counts beside the turn after it.
        rank: of LoRA.
        joined: whether a context is read as one text, newest turn first (`blender.features.reply`), instead of turn by
            turn as a base does it; ``fade`` then counts for nothing.
        echoes: share of a batch whose last turn stands among the wrong replies: to repeat is no answer.
        dropout: whether the network's own dropout is on.
        every: steps between two looks at the held-out loss, and two checkpoints.
        seed: of order, dropout and LoRA's start.
    """

    kind: Literal["full", "lora"] = "full"
    steps: int = 700
    batch: int = 64
    rate: float = 3e-5
    fade: float = 0.5
    rank: int = 16
    joined: bool = False
    echoes: float = 0.0
    dropout: bool = True
    every: int = 100
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the held-out pairs: after how many steps, the loss (mean nats) and the temperature's inverse."""

    step: int
    held_out: float
    scale: float


@dataclass
class EncoderRun:
    """A training that goes on step by step; see `blender.training.tune.encoder_training.train_encoder`."""

    train: Sequence[Pair]
    held_out: Sequence[Pair]
    ref: str
    settings: EncoderSettings
    checkpoint: Path | None
    tokens: int | None = None
    step: int = 0
    looks: list[Look] = field(default_factory=list)
    kept: dict[str, torch.Tensor] = field(default_factory=dict)
    looked: bool = False

    def __post_init__(self) -> None:
        import torch

        self.encoder = BatchEncoder(self.ref, self.tokens)
        self.encoder.module = _trainable(self.encoder.module, self.settings)
        self.scale = torch.tensor(np.log(20.0), dtype=torch.float32, requires_grad=True)
        named = [(name, each) for name, each in self.encoder.module.named_parameters() if each.requires_grad]
        self.tensors = dict(named) | {"log_scale": self.scale}
        groups = [
            {"params": [each for _, each in named], "weight_decay": 0.01},
            {"params": [self.scale], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=self.settings.rate)
        self.path = self.checkpoint / f"encoder-{self.name}.safetensors" if self.checkpoint else None
        found = load_state(self.path) if self.path else None
        if found:
            self._take(*found)
        else:
            self._look()

    def forward(self) -> None:
        """One step."""
        import torch

        settings, self.looked = self.settings, False
        rows = np.random.default_rng([settings.seed, self.step]).choice(len(self.train), settings.batch, replace=False)
        warm = max(1, settings.steps // 10)
        height = min((self.step + 1) / warm, (settings.steps - self.step) / max(1, settings.steps - warm))
        for group, factor in zip(self.optimizer.param_groups, (1.0, 30.0), strict=True):
            group["lr"] = settings.rate * factor * height
        self.encoder.module.train(settings.dropout)
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed * 1_000_003 + self.step)
            loss = self._loss([self.train[at] for at in rows])
        if not torch.isfinite(loss):
            where = f"; the last good state is {self.path}" if self.path else ""
            raise BlendError(f"the loss became {loss.item()} at step {self.step}: lower the learning rate{where}")
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(list(self.tensors.values()), 1.0)
        self.optimizer.step()
        self.step += 1
        if self.step % settings.every == 0 or self.step == settings.steps:
            self._look()

    def save(self, place: Path) -> None:
        """Write the best state as a checkpoint: weights, and beside them what the first checkpoint says of itself."""
        import torch

        with torch.no_grad():
            for name, tensor in self.tensors.items():
                tensor.copy_(self.kept[f"best.{name}"])
        module = self.encoder.module
        if self.settings.kind == "lora":
            module = module.merge_and_unload()
        source = self.encoder.folder
        for path in source.rglob("*"):
            if path.is_file() and path.suffix in (".json", ".txt", ".model"):
                target = place / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        module.save_pretrained(place, safe_serialization=True)
        (place / NAMED).write_text(self.name)
        (place / LOOKS).write_bytes(msgspec.json.encode([asdict(each) for each in self.looks]))

    def _loss(self, pairs: Sequence[Pair]) -> torch.Tensor:
        import torch
        from torch.nn.functional import cross_entropy

        count, settings = len(pairs), self.settings
        echoed = [pair.context.rpartition(TURN_BREAK)[2] for pair in pairs[: round(settings.echoes * count)]]
        embedded = embed_joined if settings.joined else embed
        contexts, replies = embedded(self.encoder, pairs, settings.fade, echoed)
        scores = self.scale.exp().clamp(max=100.0) * contexts @ replies.T
        keys = np.array([duplicate_key(text) for text in (*(pair.reply for pair in pairs), *echoed)])
        same = torch.from_numpy(keys[:count, None] == keys[None, :]) & ~torch.eye(count, len(keys), dtype=torch.bool)
        if not echoed:  # else to repeat is taught to be wrong
            ids, said = numbered(pairs)
            same |= torch.from_numpy((said[:, :, None] == ids).any(1)) & ~torch.eye(count, dtype=torch.bool)
        scores = scores.masked_fill(same, -torch.inf)
        truth = torch.arange(count)
        return (cross_entropy(scores, truth) + cross_entropy(scores[:, :count].T, truth)) / 2

    def _look(self) -> None:
        import torch

        self.encoder.module.eval()
        size = self.settings.batch
        with torch.no_grad():
            starts = range(0, min(len(self.held_out), 8 * size) - size + 1, size)
            losses = [self._loss(self.held_out[at : at + size]).item() for at in starts]
        look = Look(step=self.step, held_out=float(np.mean(losses)), scale=self.scale.exp().item())
        self.looks.append(look)
        self.looked = True
        if look.held_out <= min(each.held_out for each in self.looks):
            self.kept = {f"best.{name}": tensor.detach().clone() for name, tensor in self.tensors.items()}
        if self.path:
            tensors = training_tensors(self.tensors, self.optimizer) | self.kept
            save_state(self.path, tensors, {"looks": [asdict(each) for each in self.looks]})

    def _take(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        take_up(self.tensors, self.optimizer, tensors)
        self.kept = {name: tensor for name, tensor in tensors.items() if name.startswith("best.")}
        self.looks = [Look(**each) for each in state["looks"]]
        self.step = self.looks[-1].step
        log.info("the encoder's training goes on after step %d", self.step)

    @cached_property
    def name(self) -> str:
        """Sixteen hex digits: checkpoint, settings and pairs."""
        texts = [text for pair in (*self.train, *self.held_out) for text in (pair.context, pair.reply)]
        settings = msgspec.json.encode(asdict(self.settings)).decode()
        return digest_of(str(self.encoder.folder), settings, str(self.tokens), *texts)


def embed(
    encoder: BatchEncoder, pairs: Sequence[Pair], fade: float, others: Sequence[str] = ()
) -> tuple[torch.Tensor, torch.Tensor]:
    """Contexts (pairs, d) and replies (pairs + others, d) with gradients; each turn is embedded once."""
    import torch
    from torch.nn.functional import normalize

    turns = [pair.context.split(TURN_BREAK) for pair in pairs]
    distinct = list(dict.fromkeys([turn for each in turns for turn in each]))
    row = {turn: at for at, turn in enumerate(distinct)}
    weights: NDArray[np.float32] = np.zeros((len(pairs), len(distinct)), dtype=np.float32)
    for at, each in enumerate(turns):
        for back, turn in enumerate(reversed(each)):
            weights[at, row[turn]] += fade**back
    replies = [*(pair.reply for pair in pairs), *others]
    if encoder.layout.prefixes["query"] == encoder.layout.prefixes["passage"]:
        both = encoder.vectors([*distinct, *replies])
        said, answers = both[: len(distinct)], both[len(distinct) :]
    else:
        said, answers = encoder.vectors(distinct, query=True), encoder.vectors(replies)
    return normalize(torch.from_numpy(weights) @ said, dim=-1), answers


def embed_joined(
    encoder: BatchEncoder, pairs: Sequence[Pair], _fade: float, others: Sequence[str] = ()
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `embed`, but a context is one text, as `blender.features.reply` reads it."""
    replies = [*(pair.reply for pair in pairs), *others]
    both = encoder.vectors([*(newest_first(pair.context.split(TURN_BREAK)) for pair in pairs), *replies])
    return both[: len(pairs)], both[len(pairs) :]


def _trainable(module: Any, settings: EncoderSettings) -> Any:
    if settings.kind == "full":
        for name, each in module.named_parameters():
            each.requires_grad_("word_embeddings" not in name and not name.startswith("pooler."))
        return module
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        peft = load_peft()
        wanted = peft.LoraConfig(r=settings.rank, lora_alpha=2 * settings.rank, target_modules="all-linear")
        return peft.get_peft_model(module, wanted)
