"""A causal language model: the losses of answers given their dialog, and samples of new ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.adapter import adapter_digest, adapter_folder, merged
from blender.models.cache import one_per_process, text_digest
from blender.models.causal import checkpoint_folder, read_network, shape, transformers_network
from blender.models.demonstrations import NOTHING, Shown
from blender.models.parts import ROWS, parts_of
from blender.models.pool_judge import PoolJudge, portions
from blender.models.pool_losses import PoolLosses
from blender.models.precision import Precision, native
from blender.models.prompt import PromptForm, prompt_form
from blender.models.reference import resolve
from blender.models.runner import Runner
from blender.models.sample import Sample, SampleRequest, whole_sentences
from blender.models.sampling import Drawn, Sampling
from blender.models.scoring import Judged
from blender.models.tail import Tail
from blender.models.tokens import load_tokenizer
from blender.models.tree import PROMPT, START, Branch
from blender.records import Dialog, Pool, Turn

T = TypeVar("T")
_VERSION = 1
_FEW = 3  # samples, and tokens of each, whose drawing is timed


class LanguageModel:
    """A causal LM, its tokenizer and its prompt form; threads take turns on it.

    Llama-shaped networks keep the contexts they computed: an answer's dialog is computed once for sampling, scoring
    and the next turn. Others (``blender.models.llama``) compute it for each.

    Attributes:
        fingerprint: of weights, precision and method.
    """

    def __init__(self, network: Any, form: PromptForm, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self._network = network
        self._form = form
        self._pools = PoolJudge(self)
        self._tail: Tail | None = None
        dialog = Dialog(turns=(Turn(speaker="human", text="Hello, how are you?"),))
        answer = tuple(form.answer("Very well, thank you."))
        trial = [Branch(root, answer, False) for root in (PROMPT, START, PROMPT)]
        self._runner = Runner(network, form.ends, (form.context(dialog), form.starts), trial)

    @property
    def computed(self) -> int:
        """Tokens that went through the network so far."""
        return self._runner.computed

    def warm(self) -> None:
        """Lay out the network and try it, which otherwise happens at the first use."""
        self._runner.warm()

    def forget(self) -> None:
        """Drop kept contexts, remembered answers and a tail, so that what comes is computed as if it were the first."""
        with self._runner.lock:
            self._tail = None
            self._pools.forget()
            self._runner.forget()

    def prompt_fingerprint(
        self, system: str | None = None, knowledge: Sequence[str] = (), shown: Shown = NOTHING
    ) -> str:
        """Sixteen hex digits that name the model and the words a dialog would be put to it in."""
        return text_digest(self.fingerprint, self._form.fingerprint(system, knowledge, shown))

    def prompt_digest(self, prompt: Sequence[int]) -> str:
        """Sixteen hex digits that name the model and the tokens of one prompt, its dialog included."""
        return text_digest(self.fingerprint, *map(str, prompt))

    def score(self, pools: Sequence[Pool], *, system: str | None = None) -> list[PoolLosses]:
        """Losses of every candidate; those of a pool do not depend on the other pools, but for rounding.

        Pools share passes. What a generator noted of its own sample under the very same prompt is taken from there,
        and answers judged before behind the same context, or alone, are remembered: equal pools get equal losses.

        Args:
            pools: of any sizes.
            system: system line of the prompt; by default that of the prompt form.
        """
        return self._by_portions(self._pools.losses, pools, system)

    def states(self, pools: Sequence[Pool], *, system: str | None = None, informed: bool = False) -> list[Floats]:
        """The mean hidden state of every candidate's tokens in the middle of the network, given its dialog.

        They come from the same pass as the losses: asked for after ``score``, only a generator's own samples, whose
        losses it had noted, are computed. Of a model that was never asked for losses, passes end half way.

        Args:
            pools: of any sizes.
            system: system line of the prompt; by default that of the prompt form.
            informed: put the dialog's facts before it, as far as half of the prompt holds them.

        Returns:
            Per pool float32 (pool size, width); NaN for empty text.
        """
        judge = partial(self._pools.states, informed=informed)
        return [each[:, : self.width] for each in self._by_portions(judge, pools, system)]

    def tail_states(self, pools: Sequence[Pool], tail: Tail, *, system: str | None = None) -> list[Floats]:
        """As ``states``, after the layers of a tail, from the same pass; see ``grow``."""
        self.grow(tail)
        return [each[:, self.width :] for each in self._by_portions(self._pools.states, pools, system)]

    def grow(self, tail: Tail) -> None:
        """Have a tail from now on; what is kept and remembered lacks its states, and goes.

        Raises:
            BadModel: the network is of another shape than a tail can be grown on, or has another tail already.
        """
        with self._runner.lock:
            if self._tail is tail:
                return
            if self._tail:
                raise BadModel("the language model has another tail; one process can use one, so give all the same")
            if not self._runner.grow(tail.weights):
                raise BadModel("a tail needs a language model of Llama's shape; leave out what asks for it (coherence)")
            self._tail = tail
            self._pools.forget_states()

    def _by_portions(
        self, judge: Callable[[Sequence[Pool], str | None], list[T]], pools: Sequence[Pool], system: str | None
    ) -> list[T]:
        found: list[T] = []
        for part in portions(pools):
            with self._runner.lock:  # others may have their turn between
                found += judge(part, system)
        return found

    @property
    def form(self) -> PromptForm:
        """How dialogs and answers become tokens."""
        return self._form

    @property
    def width(self) -> int:
        """Of its hidden states."""
        return shape(self._network)[0]

    @property
    def read_width(self) -> int:
        """Of the states that are read half way: those of the middle and, behind them, of a tail."""
        return self._runner.read_width or self.width

    @property
    def window(self) -> int | None:
        """Tokens the network can see at once; ``None`` if it does not say."""
        return shape(self._network)[1]

    @property
    def room(self) -> int:
        """Tokens that an answer may have behind the longest prompt."""
        return sys.maxsize if self.window is None else self.window - self._form.limit

    def judge(
        self,
        roots: Sequence[Sequence[int]],
        branches: Sequence[Branch],
        prefix: Sequence[int] = (),
        *,
        half: bool = False,
    ) -> list[Judged]:
        """Log-probabilities of answers given what they follow, as many as fit in one pass, without padding.

        Args:
            roots: token ids, each at least one, which the branches name by number.
            branches: those of one root together.
            prefix: token ids before every root; computed once for the whole call.
            half: only states, by the layers up to the middle, where the network was laid out anew.
        """
        return self._runner.judge(roots, branches, prefix, half=half)

    def sample(
        self,
        dialogs: Sequence[Dialog],
        k: int,
        *,
        settings: Sampling,
        system: str | None = None,
        shown: Sequence[Shown] | None = None,
    ) -> list[list[Sample]]:
        """Draw ``k`` answers for each dialog; they do not depend on the other dialogs, but for rounding.

        Args:
            dialogs: any number.
            k: samples each; equal ones may come.
            settings: see ``Sampling``.
            system: system line of the prompt; by default that of the prompt form.
            shown: per dialog, examples put before it.
        """
        given = SampleRequest.of(dialogs, [k] * len(dialogs), settings, system=system, shown=shown)
        return self.draw([given])[0]

    def draw(self, requests: Sequence[SampleRequest]) -> list[list[list[Sample]]]:
        """Samples by request and dialog. All are drawn side by side: a step of many takes hardly longer than of one."""
        asked = [request.asked(self._form, self.room) for request in requests]
        found: list[list[list[Sample]]] = [[[] for _ in each] for each in asked]
        places = [
            (at, number, few)
            for at, each in enumerate(asked)
            for number, one in enumerate(each)
            for few in one.parts(ROWS)
        ]
        places.sort(key=lambda place: len(place[2].prompt))  # little padding
        for part in parts_of(places, [len(few) for *_, few in places], ROWS):
            drawn = self._runner.draw([few for *_, few in part])
            for (at, number, few), samples in zip(part, drawn, strict=True):
                found[at][number] += [self._sample(few.prompt, one) for one in samples]
        return found

    @cached_property
    def seconds_a_token(self) -> float:
        """About how long a token of a few samples took here, the first time it was asked."""
        dialog = Dialog.of("Hello.")
        for few in (1, _FEW):  # the first time computes the context, and what happens once
            begun = perf_counter()
            self.sample([dialog], _FEW, settings=Sampling(max_new_tokens=few))
        return (perf_counter() - begun) / _FEW

    def _sample(self, prompt: Sequence[int], drawn: Drawn) -> Sample:
        kept = whole_sentences(drawn, self._form)
        return Sample.of(kept, self._form, finished=drawn.finished, prompt=self.prompt_digest(prompt))


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
    artifact = resolve(ref)
    folder = checkpoint_folder(artifact)
    made_of = [artifact.digest, dtype, *([digest] if adapter else [])]
    try:
        tokenizer = load_tokenizer(folder)
        network = transformers_network(folder, "float32") if adapter else read_network(folder, actual)
    except (OSError, ValueError) as fault:
        raise BadModel(
            f"{ref!r} is no causal language model that transformers can read ({_first_line(fault)}); accepted are GGUF "
            "files and checkpoint folders with config.json, a tokenizer and safetensors"
        ) from fault
    if adapter:
        network = merged(network, adapter, artifact, folder)
        for weights in network.parameters():  # buffers, such as of positions, stay as exact as they are
            weights.data = weights.data.to(getattr(torch, actual))
    form = prompt_form(tokenizer, shape(network)[1])
    return LanguageModel(network, form, text_digest("causal LM", str(_VERSION), *made_of))


def _first_line(fault: Exception) -> str:
    return str(fault).partition("\n")[0]
