"""Candidates from any server that speaks the OpenAI chat-completions protocol."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Literal
from urllib.parse import urlsplit

from blender.deadline import Late, check, left
from blender.errors import BadInput, BlendError, MissingPackage
from blender.records import Candidate, Dialog
from blender.roles import Incomplete
from blender.sources.attempts import Attempts
from blender.sources.protocol import decoded, refusal, texts, usage
from blender.sources.spending import Budget

Message = dict[str, str]


_MILLION = 1_000_000
_PATIENCE = 60.0  # seconds that a server may ask for where nobody waits by a clock
_PER_MESSAGE = 16  # tokens that a chat template adds to a message, generously


def _forget(_: float) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Api:
    """Asks a chat-completions server. Dialogs are asked side by side.

    Attributes:
        base_url: of the server, such as ``http://localhost:8000/v1``. There is no default: what is said in the
            dialog goes there, and nowhere else: what the server sends on to another address is refused.
        model: as the server calls it.
        api_key_env: name of the environment variable that holds the key, never the key; empty for a server that wants
            none.
        system: system line; the dialog's facts follow it.
        temperature: of the sampling.
        n: answers asked for in one request; 0 asks for all at once, 1 suits servers that give only one.
        max_tokens: longest answer.
        max_tokens_name: how the server calls that limit; some know only ``max_completion_tokens``.
        extra: further fields of the request, such as ``{"seed": 1}``; where a dialog takes several requests, each has
            the seed after that of the one before.
        timeout: seconds for one request, by the clock, and for the pause before it is repeated; where there is no
            deadline, as in a run of systems, a server may ask for up to a minute.
        retries: how often a request is repeated that was refused for now (429, 5xx), hung or was cut off.
        parallel: dialogs asked at the same time.
        price_in: of a million prompt tokens.
        price_out: of a million answer tokens.
        max_cost: cap on what all requests of this source may cost together, in the money of the prices; ``None``
            for no cap. A request that could pass it is not made.
    """

    base_url: str = ""
    model: str = ""
    api_key_env: str = ""
    system: str = "You are a friendly person having a casual chat. Answer in one or two short sentences."
    temperature: float = 0.8
    n: int = 0
    max_tokens: int = 64
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    extra: dict[str, Any] = field(default_factory=dict)
    timeout: float = 9.0  # twice that is less than a blender waits by default
    retries: int = 1
    parallel: int = 4
    price_in: float = 0.0
    price_out: float = 0.0
    max_cost: float | None = None

    def __post_init__(self) -> None:
        checks = {
            "api needs base_url, the address of a chat-completions server, such as http://localhost:8000/v1": (
                not self.base_url.startswith(("http://", "https://"))
            ),
            "api needs model, the name the server knows the model by": not self.model,
            f"timeout must be more than 0 seconds and at most a day (86400), is {self.timeout}": not (
                0 < self.timeout <= 86_400
            ),
            f"n and retries must be at least 0, are {self.n} and {self.retries}": min(self.n, self.retries) < 0,
            f"max_tokens and parallel must be at least 1, are {self.max_tokens} and {self.parallel}": min(
                self.max_tokens, self.parallel
            )
            < 1,
            f"prices must be at least 0, are {self.price_in} and {self.price_out}": min(self.price_in, self.price_out)
            < 0,
            "max_cost needs price_in or price_out: without prices nothing is counted": (
                self.max_cost is not None and not (self.price_in or self.price_out)
            ),
        }
        problems = [problem for problem, bad in checks.items() if bad]
        if problems:
            raise BadInput(problems)

    @cached_property
    def budget(self) -> Budget:
        """What was spent by this source."""
        return Budget(cap=self.max_cost)

    @cached_property
    def _place(self) -> str:
        """The address as it may be told: without a name and password in it."""
        parts = urlsplit(self.base_url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @cached_property
    def _client(self) -> Any:
        try:
            from openai import DefaultHttpxClient, OpenAI
        except ImportError as fault:
            raise MissingPackage("api needs openai; install it with `pip install 'response-blender[api]'`") from fault
        key = os.environ.get(self.api_key_env, "") if self.api_key_env else "none"
        if not key:
            # What is not all capitals may be a key that was written in the place of a name.
            name = f"{self.api_key_env!r} " if self.api_key_env.isupper() else ""
            raise BadInput(
                f"the environment variable {name}named by api_key_env holds no key; set it, and put its name there, "
                "not the key"
            )
        client = DefaultHttpxClient(follow_redirects=False)  # else the dialog would go wherever the server says
        return OpenAI(base_url=self.base_url, api_key=key, max_retries=0, http_client=client)

    def propose(
        self, dialogs: Sequence[Dialog], k: int, *, paid: Callable[[float], None] = _forget
    ) -> list[list[Candidate]]:
        """Ask for ``k`` answers to each dialog; a server may give fewer.

        Args:
            dialogs: to be answered.
            k: answers wanted for each.
            paid: told what each request cost, also of those that failed; called from several threads.

        Raises:
            CapReached: the requests could pass ``max_cost``; none was made.
            MissingPackage: ``openai`` is not installed.
            BadInput: the key's environment variable is not set.
            BlendError: the server answered nothing, or what it answered is not the protocol. Where some requests
                failed, the dialogs get an `Incomplete` list of what came.
            Late: the caller's deadline is over; no request outlives it, and none is repeated that could not be over
                by then.
        """
        _ = self._client
        asked = [self.messages(dialog) for dialog in dialogs]
        sizes = [k] if not self.n else [min(self.n, k - start) for start in range(0, k, self.n)]
        requests = [(messages, size, number) for messages in asked for number, size in enumerate(sizes)]
        self.budget.set_aside(sum(self._most(messages, size) for messages, size, _ in requests))
        with ThreadPoolExecutor(self.parallel, thread_name_prefix="api") as workers:
            # Every request ends, and is settled, before a failed one is told of.
            asked_for = [partial(self._ask, *request, paid) for request in requests]
            futures = [workers.submit(partial(copy_context().run, ask)) for ask in asked_for]
        came = [_outcome(future) for future in futures]
        if came and all(isinstance(each, BlendError) for each in came):
            raise next(each for each in came if isinstance(each, BlendError))
        return [_collected(came[start : start + len(sizes)]) for start in range(0, len(came), len(sizes))]

    def messages(self, dialog: Dialog) -> list[Message]:
        """The dialog as the protocol has it."""
        facts = "\n".join(f"- {fact}" for fact in dialog.facts)
        system = "\n".join(part for part in (self.system, facts and f"What you know:\n{facts}") if part)
        roles = {"human": "user", "bot": "assistant"}
        turns = [{"role": roles[turn.speaker], "content": turn.text} for turn in dialog.turns]
        return [{"role": "system", "content": system}, *turns] if system else turns

    def _ask(self, messages: list[Message], n: int, number: int, paid: Callable[[float], None]) -> list[str]:
        import openai

        most = self._most(messages, n)
        tries = Attempts(seconds=self.timeout, retries=self.retries, once=most / (1 + self.retries))
        try:
            check()
            rest = left()
            if rest is None:
                tries.longest_pause = max(self.timeout, _PATIENCE)
            else:  # nothing is begun again that would be late
                tries.seconds = min(self.timeout, rest)
                tries.retries = max(0, min(self.retries, int(rest // self.timeout) - 1))
            answer = decoded(tries.answer(partial(self._opened, messages, n, number)), self._place)
            tries.costs[-1] = self._price(**usage(answer, self._tokens(messages), n * self.max_tokens))
            return texts(answer, self._place)
        except openai.APIStatusError as fault:
            raise BlendError(refusal(fault, self._place)) from fault
        except (TimeoutError, openai.APITimeoutError) as fault:
            check()
            raise BlendError(
                f"{self._place} gave no answer within {self.timeout:g} s, asked {len(tries.costs)} times; "
                "raise timeout, or lower max_tokens or k"
            ) from fault
        except (ConnectionError, openai.OpenAIError) as fault:
            raise BlendError(f"{self._place} cannot be asked: {fault}: {fault.__cause__}") from fault
        finally:
            self.budget.settle(most, sum(tries.costs))
            paid(sum(tries.costs))

    def _opened(self, messages: list[Message], n: int, number: int, seconds: float) -> Any:
        """The request under way; no wait of it, such as for the next byte, takes longer than ``seconds``."""
        seed = self.extra.get("seed")
        own = {"seed": seed + number} if isinstance(seed, int) else {}  # else they would all be answered alike
        return self._client.chat.completions.with_streaming_response.create(
            model=self.model,
            messages=messages,
            n=n,
            temperature=self.temperature,
            extra_body={self.max_tokens_name: self.max_tokens, **self.extra, **own},
            timeout=seconds,
        )

    def _tokens(self, messages: list[Message]) -> int:
        """More tokens than the messages have: no tokenizer makes more than one of a byte."""
        return sum(len(message["content"].encode()) + _PER_MESSAGE for message in messages)

    def _most(self, messages: list[Message], n: int) -> float:
        return (1 + self.retries) * self._price(self._tokens(messages), n * self.max_tokens)

    def _price(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.price_in + tokens_out * self.price_out) / _MILLION


def _outcome(future: Future[list[str]]) -> list[str] | BlendError:
    """What a request gave, or why it gave nothing: the others' answers are paid for and stay."""
    try:
        return future.result()
    except Late:
        raise
    except BlendError as fault:
        return fault


def _collected(came: Sequence[list[str] | BlendError]) -> list[Candidate]:
    """The candidates of a dialog's requests."""
    given = [text for each in came if not isinstance(each, BlendError) for text in each]
    made: list[Candidate] = []
    lost = [each for each in came if isinstance(each, BlendError)]
    for text in given:
        try:
            made.append(Candidate(text=text, source="api", kind="generator", rank=len(made)))
        except BadInput as fault:  # such as a NUL
            lost.append(fault)
    return Incomplete(made, lost[0]) if lost else made
