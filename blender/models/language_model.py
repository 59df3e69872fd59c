"""A causal language model: the losses of answers given their dialog, and samples of new ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.adapter import adapter_digest, adapter_folder, merged
from blender.models.cache import one_per_process, text_digest
from blender.models.demonstrations import NOTHING, Shown
from blender.models.gguf import convert_gguf
from blender.models.precision import Precision, native
from blender.models.prompt import PromptForm, prompt_form
from blender.models.quiet import quiet_transformers
from blender.models.reference import resolve
from blender.models.sampling import Drawn, Sampling, draw, uniforms
from blender.models.scoring import Judged, judge, judge_one_by_one, prefilled
from blender.models.tree import PROMPT, START, Branch
from blender.records import Candidate, Dialog, Pool, Turn

ANSWER_TOKENS = 256
"""Of a longer answer only this many first tokens are judged, and its end is not."""

_VERSION = 1
_ROWS = 64  # samples drawn side by side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoolLosses:
    """How surprised the model is by each candidate of a pool; each float32 (pool size,), NaN for empty text.

    Attributes:
        conditional: mean loss of a token given the context, nats.
        alone: mean loss of a token after a bare start, nats.
        worst: largest loss of a token given the context, nats.
        end_of_turn: -log P(the turn ends) after the text, nats; NaN also for an answer over ``ANSWER_TOKENS``.
        tokens: number of tokens judged.
    """

    conditional: Floats
    alone: Floats
    worst: Floats
    end_of_turn: Floats
    tokens: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sampled answer.

    Attributes:
        text: on one line; may be empty.
        logprobs: of its tokens and of the end of the turn after them: natural log, at temperature 1. Empty if the
            text as cleaned would be read as other tokens than those drawn, so that these are not its numbers.
        finished: whether the model ended the turn itself; if the limit on tokens did, the text ends with its last
            whole sentence, if it has one.
    """

    text: str
    logprobs: tuple[float, ...]
    finished: bool


class LanguageModel:
    """A causal LM, its tokenizer and its prompt form; threads take turns on it.

    Attributes:
        fingerprint: of weights, precision and method.
        computed: tokens that went through the network so far.
    """

    def __init__(self, network: Any, form: PromptForm, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self.computed = 0
        self._network = network
        self._form = form
        self._lock = RLock()
        self._shares: bool | None = None

    def prompt_fingerprint(
        self, system: str | None = None, knowledge: Sequence[str] = (), shown: Shown = NOTHING
    ) -> str:
        """Sixteen hex digits that name the model and the words a dialog would be put to it in."""
        return text_digest(self.fingerprint, self._form.fingerprint(system, knowledge, shown))

    def score(self, pools: Sequence[Pool], *, system: str | None = None) -> list[PoolLosses]:
        """Losses of every candidate; those of a pool do not depend on the other pools.

        What a generator noted of its own sample under the very same prompt is taken from there.

        Args:
            pools: of any sizes.
            system: system line of the prompt; by default that of the prompt form.
        """
        return [self._score_pool(pool, system, self.prompt_fingerprint(system)) for pool in pools]

    def _score_pool(self, pool: Pool, system: str | None, prompt: str) -> PoolLosses:
        answers = [tuple(self._form.answer(candidate.text)) for candidate in pool.candidates]
        whole = [len(answer) <= ANSWER_TOKENS for answer in answers]
        answers = [answer[:ANSWER_TOKENS] for answer in answers]
        known = [_known(candidate, answer, prompt) for candidate, answer in zip(pool.candidates, answers, strict=True)]
        asked: dict[tuple[int, int], Branch] = {}
        for at, answer in enumerate(answers):
            if answer and known[at] is None:
                asked[at, PROMPT] = Branch(PROMPT, answer, whole[at])
            if answer:
                asked[at, START] = Branch(START, answer, False)
        judged = dict(zip(asked, self._judge(pool.dialog, system, list(asked.values())), strict=True))
        rows = [_losses(known[at] or judged.get((at, PROMPT)), judged.get((at, START))) for at in range(len(answers))]
        columns = np.array(rows, dtype=np.float32).reshape(-1, 5).T
        conditional, alone, worst, end_of_turn, tokens = columns
        return PoolLosses(conditional=conditional, alone=alone, worst=worst, end_of_turn=end_of_turn, tokens=tokens)

    def _judge(self, dialog: Dialog, system: str | None, branches: list[Branch]) -> list[Judged]:
        return self.judge((self._form.context(dialog, system), self._form.starts), branches) if branches else []

    @property
    def form(self) -> PromptForm:
        """How dialogs and answers become tokens."""
        return self._form

    @property
    def window(self) -> int | None:
        """Tokens the network can see at once; ``None`` if it does not say."""
        limit: int | None = getattr(self._network.config.get_text_config(), "max_position_embeddings", None)
        return limit

    def judge(
        self, roots: Sequence[Sequence[int]], branches: Sequence[Branch], prefix: Sequence[int] = ()
    ) -> list[Judged]:
        """Log-probabilities of answers given what they follow, as many as fit in one pass, without padding.

        Args:
            roots: token ids, each at least one, which the branches name by number.
            branches: those of one root together.
            prefix: token ids before every root; computed once for the whole call.
        """
        import torch

        with self._lock, torch.inference_mode():
            if self._can_share():
                cache = prefilled(self._network, prefix) if prefix else None
                judged, passed = judge(self._network, roots, branches, self._form.ends, cache)
                passed += len(prefix)
            else:
                whole = [[*prefix, *root] for root in roots]
                judged, passed = judge_one_by_one(self._network, whole, branches, self._form.ends)
            self.computed += passed
        return judged

    def _can_share(self) -> bool:
        """Whether this architecture minds masks and positions: tried once on a small tree against plain passes."""
        if self._shares is None:
            dialog = Dialog(turns=(Turn(speaker="human", text="Hello, how are you?"),))
            answer = self._form.answer("Very well, thank you.")
            branches = [Branch(root, tuple(answer), False) for root in (PROMPT, START, PROMPT)]
            trial = (self._network, (self._form.context(dialog), self._form.starts), branches, self._form.ends)
            shared, plain = judge(*trial)[0], judge_one_by_one(*trial)[0]
            apart = max(float(np.abs(a.tokens - b.tokens).mean()) for a, b in zip(shared, plain, strict=True))
            # bfloat16 moves a token of probability 1e-7 by a nat; a wrong mask moves a text by more than two.
            self._shares = apart < (0.01 if self._network.dtype.itemsize == 4 else 0.5)
        return self._shares

    def sample(
        self,
        dialogs: Sequence[Dialog],
        k: int,
        *,
        settings: Sampling,
        system: str | None = None,
        knowledge: Sequence[Sequence[str]] | None = None,
        shown: Sequence[Shown] | None = None,
    ) -> list[list[Sample]]:
        """Draw ``k`` answers for each dialog; they do not depend on the other dialogs, but for rounding.

        Args:
            dialogs: any number.
            k: samples each; equal ones may come.
            settings: see ``Sampling``.
            system: system line of the prompt; by default that of the prompt form.
            knowledge: per dialog, passages put into its prompt.
            shown: per dialog, examples put before it.
        """
        told, before = knowledge or [()] * len(dialogs), shown or [NOTHING] * len(dialogs)
        each = zip(dialogs, told, before, strict=True)
        prompts = [self._form.context(dialog, system, facts, examples) for dialog, facts, examples in each]
        numbers = [uniforms(_digest(dialog), k, settings) for dialog in dialogs] if k else []
        found: list[list[Sample]] = [[] for _ in dialogs]
        order = sorted(range(len(dialogs) if k else 0), key=lambda at: len(prompts[at]))  # little padding
        step = max(1, _ROWS // max(k, 1))
        for start in range(0, len(order), step):
            part = order[start : start + step]
            drawn = self._draw([prompts[at] for at in part], [numbers[at] for at in part], settings)
            for at, samples in zip(part, drawn, strict=True):
                found[at] = [self._sample(one) for one in samples]
        return found

    def _draw(self, prompts: list[list[int]], numbers: list[Any], settings: Sampling) -> list[list[Drawn]]:
        import torch

        with self._lock, torch.inference_mode():
            drawn, passed = draw(self._network, prompts, numbers, self._form.ends, settings)
            self.computed += passed
        return drawn

    def _sample(self, drawn: Drawn) -> Sample:
        kept = drawn if drawn.finished else self._whole_sentences(drawn)
        text = self._form.text(kept.tokens)
        same = self._form.answer(text) == kept.tokens
        logprobs = (*kept.logprobs, kept.ends[-1]) if same else ()
        return Sample(text=text, logprobs=logprobs, finished=drawn.finished)

    def _whole_sentences(self, drawn: Drawn) -> Drawn:
        for count in range(len(drawn.tokens), 0, -1):
            if self._form.text(drawn.tokens[:count]).endswith((".", "!", "?", "…")):
                return drawn.first(count)
        return drawn


def _digest(dialog: Dialog) -> str:
    spoken = (part for turn in dialog.turns for part in (turn.speaker, turn.text))
    return text_digest(dialog.id, dialog.locale, *spoken)


def _known(candidate: Candidate, answer: Sequence[int], prompt: str) -> Judged | None:
    """What a generator noted of this very text under this very prompt, its end included."""
    noted = candidate.sampled
    if noted is None or noted.fingerprint != prompt or not noted.finished or len(noted.logprobs) != len(answer) + 1:
        return None
    return Judged(tokens=np.array(noted.logprobs[:-1], dtype=np.float32), end=noted.logprobs[-1])


def _losses(given: Judged | None, alone: Judged | None) -> tuple[float, float, float, float, float]:
    if given is None or alone is None:
        return (np.nan, np.nan, np.nan, np.nan, 0.0)
    loss = -given.tokens
    return (float(loss.mean()), -float(alone.tokens.mean()), float(loss.max()), -given.end, float(len(loss)))


def load_language_model(ref: str, dtype: Precision = "float32", adapter: str = "") -> LanguageModel:
    """Load a causal LM, once per process.

    Args:
        ref: reference (see ``blender.models.reference.resolve``) of a GGUF file or a transformers checkpoint.
        dtype: see ``Precision``.
        adapter: folder of a LoRA adapter that peft or trl saved, merged into the weights; empty for none.

    Raises:
        MissingPackage: the package that carries the model is not installed, or peft for an adapter.
        BadModel: the reference cannot be resolved, what is there is no causal LM, or the adapter is not one for it.
    """
    place = adapter_folder(adapter) if adapter else None
    return _load(ref, dtype, place, adapter_digest(place) if place else "")


def model_fingerprint(ref: str, dtype: Precision = "float32") -> str:
    """The fingerprint that the model of this reference has once it is loaded; it is not loaded for it.

    Raises:
        MissingPackage: the package that carries the model is not installed.
        BadModel: the reference cannot be resolved.
    """
    return text_digest("causal LM", str(_VERSION), resolve(ref).digest, dtype)


@one_per_process
def _load(ref: str, dtype: Precision, adapter: Path | None, digest: str) -> LanguageModel:
    import torch

    actual = native(dtype)
    import_module("transformers")  # whole before anything is taken from it: other threads may be importing it too
    from transformers import AutoModelForCausalLM, AutoTokenizer

    artifact = resolve(ref)
    folder = convert_gguf(artifact) if artifact.path.suffix == ".gguf" else artifact.path
    kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    read_as = "float32" if adapter else actual
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            network: Any = AutoModelForCausalLM.from_pretrained(
                str(folder), dtype=kinds[read_as], local_files_only=True, use_safetensors=True
            )
    except (OSError, ValueError) as fault:
        raise BadModel(
            f"{ref!r} is no causal language model that transformers can read ({_first_line(fault)}); accepted are GGUF "
            "files and checkpoint folders with config.json, a tokenizer and safetensors"
        ) from fault
    if adapter:
        network = merged(network, adapter, artifact, folder)
        for weights in network.parameters():  # buffers, such as of positions, stay as exact as they are
            weights.data = weights.data.to(kinds[actual])
    network.eval().requires_grad_(False)
    made_of = [artifact.digest, dtype, *([digest] if adapter else [])]
    return LanguageModel(network, prompt_form(tokenizer), text_digest("causal LM", str(_VERSION), *made_of))


def _first_line(fault: Exception) -> str:
    return str(fault).partition("\n")[0]
