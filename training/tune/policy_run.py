"""The rounds of a policy's training: sample, be paid, learn, keep a checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput, BlendError
from blender.index.heads import Heads
from blender.training.tune.checkpoint import digest_of, load_state, save_state, take_up, training_tensors
from blender.training.tune.head_module import HeadModule
from blender.training.tune.losses import contrastive_loss
from blender.training.tune.pairs import Pairs
from blender.training.tune.policy_settings import PolicySettings, Round, Rows, Stage

if TYPE_CHECKING:
    import torch


@dataclass
class Training:
    """A training that goes on round by round; see `blender.training.tune.policy.train_policy`."""

    stage: Stage
    start: Heads
    settings: PolicySettings
    anchor: Pairs | None
    checkpoint: Path | None
    rounds: list[Round] = field(default_factory=list)

    def __post_init__(self) -> None:
        import torch

        settings, d = self.settings, self.start.dimension
        # The temperature stays: a policy that only gets hotter or colder finds other answers nowhere.
        self.module = HeadModule(self.start, temperature=False, seed=settings.seed)
        self.value = {
            "value.weight": torch.zeros(d, requires_grad=True),
            "value.bias": torch.zeros(1, requires_grad=True),
        }
        self.tensors = {**self.module.parameters, **self.value}
        groups = [
            {"params": list(self.module.parameters.values()), "weight_decay": settings.decay},
            {"params": list(self.value.values()), "lr": 10 * settings.rate, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.rate)
        self.coefficient = settings.kl
        self.queries = torch.from_numpy(self.stage.queries)
        self.replies = torch.from_numpy(self.stage.replies)
        first = torch.from_numpy(self.start.queries(self.stage.queries))
        self.first = (first, torch.from_numpy(self.start.replies(self.stage.replies)))
        self.path = self.checkpoint / f"policy-{self._name()}.safetensors" if self.checkpoint else None
        self.actions: Rows = np.zeros((0, 0), dtype=np.int64)
        self._resume()

    def round(self) -> Round:
        """Sample, be paid, learn."""
        number, settings = len(self.rounds) + 1, self.settings
        if not len(self.actions) or (number - 1) % settings.refresh == 0:
            self.actions = self.stage.actions(self.module.heads(), settings.k)
        generator = np.random.default_rng([settings.seed, number])
        size = min(settings.contexts, len(self.actions))
        contexts = generator.choice(len(self.actions), size, replace=False).astype(np.int64)
        batch = self._sampled(contexts, generator)
        order = [generator.permutation(size) for _ in range(settings.epochs)]
        for rows in (each[at : at + settings.minibatch] for each in order for at in range(0, size, settings.minibatch)):
            self._step(batch, rows)
        kl, entropy = self._distances(contexts)
        told = Round(
            number=number,
            reward=float(batch["reward"].mean()),
            kl=kl,
            entropy=entropy,
            coefficient=self.coefficient,
            spread=float(batch["spread"]),
        )
        # The proportional controller of Ziegler et al. (2019), quicker to brake than to let go.
        self.coefficient *= 1 + 0.2 * float(np.clip(kl / settings.target_kl - 1, -0.5, 2))
        self.coefficient = max(self.coefficient, settings.kl / 10)
        self.rounds.append(told)
        self._save()
        return told

    def _sampled(self, contexts: Rows, generator: np.random.Generator) -> dict[str, Any]:
        import torch

        settings, rows = self.settings, self.actions[contexts]
        with torch.no_grad():
            logs = self._logs(contexts).numpy().astype(np.float64)
        chances = np.exp(logs)
        chances /= chances.sum(1, keepdims=True)  # in single precision they hardly add up to 1
        if settings.method == "exact":
            reward = self._paid(contexts, rows)
            mean = (chances * reward).sum(1, keepdims=True)
            spread = self._spread(reward - mean)
            return {"contexts": contexts, "advantage": (reward - mean) / spread, "reward": mean, "spread": spread}
        cumulated = np.cumsum(chances, axis=1)
        drawn = generator.random((len(contexts), settings.samples))
        taken = np.array([np.searchsorted(row, each) for row, each in zip(cumulated, drawn, strict=True)])
        taken = taken.clip(max=rows.shape[1] - 1)
        reward = self._paid(contexts, np.take_along_axis(rows, taken, 1))
        if settings.baseline == "leave-one-out":
            base = (reward.sum(1, keepdims=True) - reward) / (settings.samples - 1)
        else:
            with torch.no_grad():
                base = self._values(contexts).numpy()[:, None]
        advantage = reward - base
        spread = self._spread(advantage)
        return {
            "contexts": contexts,
            "taken": taken,
            "old": np.take_along_axis(logs, taken, 1),
            "advantage": (advantage - advantage.mean()) / spread,
            "reward": reward,
            "spread": spread,
        }

    def _spread(self, advantage: NDArray[np.float64]) -> float:
        spread = float(advantage.std())
        if spread < 1e-9:
            raise self._stopped("the advantages of a whole round are equal")
        return spread

    def _paid(self, contexts: Rows, rows: Rows) -> NDArray[np.float64]:
        reward = self.stage.rewards(contexts, rows).astype(np.float64)
        if not np.isfinite(reward).all():
            bad = int((~np.isfinite(reward)).sum())
            raise self._stopped(f"{bad} of {reward.size} rewards are no numbers", BlendError)
        if np.ptp(reward) < 1e-9:
            raise self._stopped(f"all {reward.size} rewards of a round are equal ({reward.flat[0]:.4g})")
        return reward

    def _stopped(self, why: str, kind: type[BlendError] = BadInput) -> BlendError:
        done = len(self.rounds)
        where = f"; the last good round ({done}) is kept in {self.path}" if self.path and done else ""
        return kind(f"training stopped in round {done + 1}: {why}, so nothing can be learnt{where}. Look at the reward")

    def _logs(self, contexts: Rows, *, first: bool = False) -> torch.Tensor:
        """Log-probabilities of the policy (or of the one it starts from) over each context's K phrases, (n, K)."""
        import torch

        rows = torch.from_numpy(self.actions[contexts])
        if first:
            asked, seen = self.first[0][contexts], self.first[1][rows]
        else:
            asked, seen = self.module.queries(self.queries[contexts]), self.module.replies(self.replies[rows])
        return torch.log_softmax(self.start.scale * torch.einsum("nd,nkd->nk", asked, seen), dim=1)

    def _values(self, contexts: Rows) -> torch.Tensor:
        return self.queries[contexts] @ self.value["value.weight"] * 10 + self.value["value.bias"]

    def _step(self, batch: dict[str, Any], rows: NDArray[np.intp]) -> None:
        import torch

        settings, contexts = self.settings, batch["contexts"][rows]
        logs = self._logs(contexts)
        with torch.no_grad():
            first = self._logs(contexts, first=True)
        advantage = torch.from_numpy(batch["advantage"][rows]).float()
        kl = (logs.exp() * (logs - first)).sum(1).mean()
        entropy = -(logs.exp() * logs).sum(1).mean()
        loss = self.coefficient * kl - settings.entropy * entropy
        if settings.method == "exact":
            loss = loss - (logs.exp() * advantage).sum(1).mean()
        else:
            taken = torch.from_numpy(batch["taken"][rows])
            ratio = (logs.gather(1, taken) - torch.from_numpy(batch["old"][rows]).float()).exp()
            clipped = ratio.clamp(1 - settings.clip, 1 + settings.clip)
            loss = loss - torch.minimum(ratio * advantage, clipped * advantage).mean()
            if settings.baseline == "value":
                paid = torch.from_numpy(batch["reward"][rows]).float().mean(1)
                loss = loss + (self._values(contexts) - paid).square().mean()
        if self.anchor is not None and settings.anchor:
            some = np.random.default_rng([settings.seed, len(self.rounds), int(rows[0])])
            chosen = some.choice(len(self.anchor), min(512, len(self.anchor)), replace=False)
            loss = loss + settings.anchor * contrastive_loss(self.module, self.anchor, chosen, _plain, symmetric=False)
        if not torch.isfinite(loss):
            raise self._stopped(f"the loss became {loss.item()}", BlendError)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(list(self.module.parameters.values()), 1.0)
        self.optimizer.step()

    def _distances(self, contexts: Rows) -> tuple[float, float]:
        import torch

        with torch.no_grad():
            logs, first = self._logs(contexts), self._logs(contexts, first=True)
            kl, entropy = (logs.exp() * (logs - first)).sum(1).mean(), -(logs.exp() * logs).sum(1).mean()
        return float(kl), float(entropy)

    def _save(self) -> None:
        import torch

        if self.path:
            tensors = training_tensors(self.tensors, self.optimizer) | {"actions": torch.from_numpy(self.actions)}
            rounds = [asdict(each) for each in self.rounds]
            save_state(self.path, tensors, {"rounds": rounds, "coefficient": self.coefficient})

    def _resume(self) -> None:
        found = load_state(self.path) if self.path else None
        if found is None:
            return
        tensors, state = found
        take_up(self.tensors, self.optimizer, tensors)
        self.actions = tensors["actions"].numpy()
        self.coefficient = state["coefficient"]
        self.rounds = [Round(**each) for each in state["rounds"]]

    def _name(self) -> str:
        settings = msgspec.json.encode(asdict(self.settings)).decode()
        anchor = self.anchor.arrays.values() if self.anchor else ()
        name = getattr(self.stage, "name", "")
        return digest_of(self.start.fingerprint, settings, name, self.stage.queries, self.stage.replies, *anchor)


def _plain(vectors: Any) -> Any:
    return vectors
