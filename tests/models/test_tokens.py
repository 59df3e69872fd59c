from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from blender.models.networks import padded
from blender.models.tokens import Tokens, load_tokens

CLS, SEP, QUERY = 1, 2, 3
WORDS = {f"w{at}": at + 10 for at in range(100)}


def tokenizer() -> Tokenizer:
    made = Tokenizer(models.WordLevel({"[PAD]": 0, "[CLS]": CLS, "[SEP]": SEP, "query:": QUERY} | WORDS, "[PAD]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    return made


def words(*numbers: int) -> str:
    return " ".join(f"w{number}" for number in numbers)


def ids(*numbers: int) -> tuple[int, ...]:
    return tuple(WORDS[f"w{number}"] for number in numbers)


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(tokenizer(), limit=8, padding=0)


def test_what_fits_is_whole(tokens: Tokens) -> None:
    assert tokens.single([words(1, 2)])[0].ids == (CLS, *ids(1, 2), SEP)


def test_a_passage_keeps_its_first_words_and_a_query_its_newest(tokens: Tokens) -> None:
    long = words(*range(20))
    assert tokens.single([long])[0].ids == (CLS, *ids(0, 1, 2, 3, 4, 5), SEP)
    assert tokens.single([long], newest=True)[0].ids == (CLS, *ids(14, 15, 16, 17, 18, 19), SEP)


def test_of_a_text_too_long_to_be_tokenised_whole_the_same_words_are_kept(tokens: Tokens) -> None:
    long = words(*range(100)) + " "
    assert tokens.single([long])[0].ids == (CLS, *ids(0, 1, 2, 3, 4, 5), SEP)
    assert tokens.single([long], newest=True)[0].ids == (CLS, *ids(94, 95, 96, 97, 98, 99), SEP)
    assert tokens.pairs([(long, long)])[0].ids == (CLS, *ids(98, 99), SEP, *ids(0, 1, 2), SEP)


def test_the_prefix_is_never_cut(tokens: Tokens) -> None:
    long = words(*range(20))
    assert tokens.single([long], prefix="query: ", newest=True)[0].ids == (CLS, QUERY, *ids(15, 16, 17, 18, 19), SEP)
    assert tokens.single([words(1)], prefix="query: ", newest=True)[0].ids == (CLS, QUERY, *ids(1), SEP)
    assert tokens.single([long], prefix="query: ")[0].ids == (CLS, QUERY, *ids(0, 1, 2, 3, 4), SEP)


def test_a_long_context_loses_its_oldest_words_and_the_reply_stays(tokens: Tokens) -> None:
    (made,) = tokens.pairs([(words(*range(20)), words(50, 51))])
    assert made.ids == (CLS, *ids(17, 18, 19), SEP, *ids(50, 51), SEP)
    assert made.types == (0, 0, 0, 0, 0, 1, 1, 1)


@pytest.mark.parametrize("pair", ["[CLS] $A [SEP] $B:1 [SEP]:1", "[CLS] $A [SEP] [SEP] $B [SEP]"])
def test_own_tokens_are_the_last_texts_whether_or_not_types_tell(pair: str) -> None:
    made = tokenizer()
    special = [("[CLS]", CLS), ("[SEP]", SEP)]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair=pair, special_tokens=special)
    tokens = Tokens(made, limit=12, padding=0)
    found = [*tokens.pairs([(words(*range(20)), words(50, 51, 52))]), *tokens.single([words(1, 2)])]
    own = padded(found, 0)[3].bool()
    assert [tuple(padded(found, 0)[0][at][own[at]].tolist()) for at in (0, 1)] == [ids(50, 51, 52), ids(1, 2)]


def test_a_long_reply_leaves_a_quarter_to_the_context(tokens: Tokens) -> None:
    (made,) = tokens.pairs([(words(*range(20)), words(*range(50, 70)))])
    assert made.ids == (CLS, *ids(18, 19), SEP, *ids(50, 51, 52), SEP)
    (short,) = tokens.pairs([(words(1), words(*range(50, 70)))])
    assert short.ids == (CLS, *ids(1), SEP, *ids(50, 51, 52, 53), SEP)


texts = st.lists(st.sampled_from(sorted(WORDS)), max_size=30).map(" ".join)


@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4), st.booleans())
def test_never_longer_than_the_limit_and_each_alone_gives_the_same(pairs: list[tuple[str, str]], newest: bool) -> None:
    tokens = Tokens(tokenizer(), limit=8, padding=0)
    made = tokens.pairs(pairs)
    assert all(len(one) <= 8 for one in made)
    assert made == [tokens.pairs([pair])[0] for pair in pairs]
    singles = tokens.single([context for context, _ in pairs], newest=newest)
    assert all(len(one) <= 8 for one in singles)
    assert singles == [tokens.single([context], newest=newest)[0] for context, _ in pairs]


def test_what_the_file_says_of_truncation_does_not_cut_the_newest_words() -> None:
    stored = tokenizer()
    stored.enable_truncation(4)
    stored.enable_padding(length=6)
    texts = [words(1), words(*range(9))]
    plain, cut = (Tokens(made, limit=4, padding=0).single(texts, newest=True) for made in (tokenizer(), stored))
    assert cut == plain


def test_limit_and_padding_are_read_from_the_file(tmp_path: Path) -> None:
    stored = tokenizer()
    stored.enable_truncation(6)
    stored.enable_padding(pad_id=7)
    stored.save(str(tmp_path / "tokenizer.json"))
    loaded = load_tokens(tmp_path)
    assert (loaded.limit, loaded.padding) == (6, 7)
    assert load_tokens(tmp_path, 4).limit == 4
    assert [len(one) for one in loaded.single([words(1), words(*range(20))])] == [3, 6]
