"""How much each of several prompts helps an input, judged by a frozen language model (UPRISE, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from blender.models.cache import text_digest
from blender.models.language_model import LanguageModel
from blender.prompts.prompt import Prompt
from blender.training.prompts.asking import Ask, outcomes
from blender.training.prompts.drawing import Drawn
from blender.training.prompts.outcome import Outcome, helps
from blender.training.prompts.store import ScoreStore
from blender.training.prompts.tasks import Row


@dataclass(frozen=True, kw_only=True)
class ScoreSettings:
    """How many prompts an input is tried with.

    Attributes:
        prompts: drawn for each input in the first round, of any task.
        again: drawn in each further round.
        rounds: at most; an input that a prompt helped is in no further round.
        seed: of the draws.
    """

    prompts: int = 10
    again: int = 4
    rounds: int = 2
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """One input with the prompts it was tried with.

    Attributes:
        row: the input.
        zero: without any prompt.
        tried: prompts, in the order drawn.
        outcomes: one for each.
    """

    row: Row
    zero: Outcome
    tried: tuple[Prompt, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def helped(self) -> bool:
        """Whether any prompt helped."""
        return any(helps(each, self.zero) for each in self.outcomes)


def score(
    model: LanguageModel,
    store: ScoreStore,
    drawn: Drawn,
    settings: ScoreSettings,
    *,
    shard: tuple[int, int] = (0, 1),
    progress: bool = False,
) -> list[Scored]:
    """Score prompts for every input; what the store has is not computed again, so a run that was cut off goes on.

    Prompts are drawn for each input by its own digest: what is drawn does not depend on shards, and hardly on what
    else is in the pool.

    Args:
        model: the frozen judge.
        store: where losses are kept.
        drawn: pool and inputs.
        settings: see there.
        shard: number and count; a shard has every ``count``-th input, so several processes can share the work.
        progress: shows a bar.
    """
    rows = drawn.inputs[shard[0] :: shard[1]]
    bare = outcomes(model, store, [Ask("", row) for row in rows], "without prompts" if progress else None)
    found = [Scored(row=row, zero=zero, tried=(), outcomes=()) for row, zero in zip(rows, bare, strict=True)]
    for number in range(settings.rounds):
        open_ = [at for at, each in enumerate(found) if not each.helped]
        tried = {at: _draw(drawn.prompts, found[at], settings) for at in open_}
        asked = [Ask(prompt.text, found[at].row) for at in open_ for prompt in tried[at]]
        given = iter(outcomes(model, store, asked, f"round {number + 1}" if progress else None))
        for at in open_:
            one, more = found[at], tuple(next(given) for _ in tried[at])
            found[at] = replace(one, tried=one.tried + tried[at], outcomes=one.outcomes + more)
    return found


def _draw(prompts: Sequence[Prompt], scored: Scored, settings: ScoreSettings) -> tuple[Prompt, ...]:
    """Prompts not tried yet."""
    seed = int(text_digest(str(settings.seed), scored.row.digest), 16)
    order = np.random.default_rng(seed).permutation(len(prompts))
    first = len(scored.tried)
    return tuple(prompts[at] for at in order[first : first + (settings.again if first else settings.prompts)])
