"""The parts of a report against what is known of a made-up campaign."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from blender.errors import BadInput
from blender.judging.agreement import Agreement
from blender.judging.pools import LabelledPool, judged
from blender.judging.resampling import NOTHING, Interval
from blender.labelling.records import Label
from blender.labelling.store import Store
from blender.records import Candidate, Dialog, Pool
from blender.serving.cli import main
from blender.serving.predictions import Prediction
from blender.serving.report.contents import charts, tables
from blender.serving.report.datasheet import data_sheet
from blender.serving.report.disagreements import disagreements
from blender.serving.report.given import Given, read_given
from blender.serving.report.heads import heads
from blender.serving.report.parts import NotKnown
from blender.serving.report.report import Report, Settings, make_report
from blender.serving.report.sentences import sentences
from blender.serving.report.standing import RANKER, standings
from tests.serving.report.conftest import QUALITY, Work, make_job

QUICK = Settings(draws=200, date="2026-01-01")


@pytest.fixture(scope="module")
def given(work: Work) -> Given:
    return read_given([work.job], work.run)


@pytest.fixture(scope="module")
def full(given: Given) -> Report:
    return make_report(given, QUICK)


def known(part: object) -> bool:
    return not isinstance(part, NotKnown)


def test_every_part_is_there_where_the_data_allow_it(full: Report) -> None:
    missing = [name for name in Report.__dataclass_fields__ if not known(getattr(full, name))]
    assert missing == ["seen"], "the made-up predictions are of no packaged bundle"
    assert {"headline", "differences", "headroom_all", "calibration", "raters", "costs"} <= tables(full).keys()
    assert {"headline", "headroom_all", "calibration_sensible", "perplexity"} <= charts(full).keys()


def test_labels_alone_give_the_rest_reasons_instead_of_zeros(work: Work) -> None:
    report = make_report(read_given([work.job]), QUICK)
    for part in (report.predicted, report.powered, report.heads, report.disagreements, report.perplexity, report.costs):
        assert isinstance(part, NotKnown) and part.not_known
    assert known(report.scores) and known(report.standings) and known(report.raters)
    assert "predicted" not in tables(report)


def test_predictions_alone_never_pass_for_human_labels(work: Work) -> None:
    report = make_report(read_given([], work.run), QUICK)
    assert isinstance(report.scores, NotKnown) and "headline" not in tables(report)
    predicted = tables(report)["predicted"]
    assert all("predicted" in column.label.lower() for column in predicted.columns if column.interval)
    said = sentences(report)
    assert said[0].startswith("SSA by human labels is not known") and any("Predicted SSA" in line for line in said)
    assert report.sheet.judged == 0 and report.sheet.unjudged == 3 * 40


def test_a_campaign_that_nobody_labelled_says_so_and_stays_as_it_is(work: Work, tmp_path: Path) -> None:
    shutil.copy(work.job / "campaign.jsonl", tmp_path)
    report = make_report(read_given([tmp_path]), QUICK)
    assert isinstance(report.scores, NotKnown)
    assert [path.name for path in tmp_path.iterdir()] == ["campaign.jsonl"], "no empty database is left behind"
    assert {each.fate for each in report.sheet.counted} == {"no rater has seen it yet"}


def test_the_data_sheet_counts_every_answer_once_with_its_reason(work: Work, tmp_path: Path) -> None:
    campaign = make_job(tmp_path, work.run, share=0.5)
    unseen = [item for item in campaign.items if item.scored][-3:]
    store = Store.open(tmp_path / "labels.sqlite")
    store.put(campaign.id, [Label(item=item.id, rater="Ann", sensible=None, specific=None) for item in unseen])
    store.close()
    sheet = data_sheet(read_given([tmp_path], work.run))
    fates = Counter[str]()
    for each in sheet.counted:
        fates[each.fate] += each.answers
    assert sum(fates.values()) == 3 * 40
    assert fates["its raters could not judge it"] == 3
    assert fates["judged"] == sheet.judged and sheet.gold == 1 and sheet.repeats > 0


def test_labels_change_the_fingerprint(work: Work, tmp_path: Path) -> None:
    campaign = make_job(tmp_path, work.run)
    before = read_given([tmp_path]).inputs[0]
    assert before == replace(read_given([tmp_path]).inputs[0])
    store = Store.open(tmp_path / "labels.sqlite")
    store.put(campaign.id, [Label(item=campaign.items[-1].id, rater="Dora", sensible=True, specific=True)])
    store.close()
    assert read_given([tmp_path]).inputs[0].digest != before.digest


def test_every_wrong_input_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text("{}\n")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput) as fault:
        read_given([tmp_path / "labels.jsonl", tmp_path / "empty", tmp_path / "nowhere.jsonl"])
    said = "\n".join(fault.value.problems)
    assert "labels.jsonl, line 1" in said and "campaign.jsonl" in said and "nowhere.jsonl" in said
    with pytest.raises(BadInput, match="nothing to report on"):
        read_given([])
    with pytest.raises(BadInput, match=r"run\.json"):
        read_given([], tmp_path)


def test_the_labels_of_a_campaign_do_not_count_twice(work: Work, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"come a second time .* count twice"):
        read_given([work.job, work.job])
    assert main(["label", "aggregate", str(work.job), "--out", str(tmp_path / "labels.jsonl")]) == 0
    with pytest.raises(BadInput, match=r"come a second time .* count twice"):
        read_given([work.job, tmp_path / "labels.jsonl"])


def test_the_verdict_names_the_best_system_first_and_the_undecided_pairs(full: Report) -> None:
    said = sentences(full)
    assert said[0].startswith("steady has the highest SSA: ")
    assert any(line.startswith("steady is better than") and "parrot" in line for line in said)
    assert any("not judged" in line for line in said)


def one_set(labels: Sequence[Mapping[str, float]]) -> Report:
    """A report of one label for both questions by system, dialog after dialog."""
    pools = [
        LabelledPool(
            pool=Pool.of(Dialog.of("Hi", id=f"d{at}"), [Candidate(text=name, source=name) for name in given]),
            dataset="s",
            family="s",
            sensible=judged(list(given.values())),
            specific=judged(list(given.values())),
            overall=judged([None] * len(given)),
        )
        for at, given in enumerate(labels)
    ]
    return make_report(Given(pools=tuple(pools)), QUICK)


def test_who_leads_by_dialogs_of_its_own_is_not_called_better_than_who_beats_it() -> None:
    said = sentences(one_set([{"easy": 0, "hard": at % 3 > 0} for at in range(30)] + [{"easy": 1}] * 90))
    assert said[0].startswith("easy has the highest SSA: ")
    assert said[1].startswith("Yet on the 30 dialogs in which both are judged hard is better than easy beyond chance")
    assert not any("easy is better" in line for line in said)


def test_predictions_without_probabilities_are_not_called_high(given: Given) -> None:
    blank = {
        key: msgspec.structs.replace(each, sensible=None, specific=None) for key, each in given.predictions.items()
    }
    said = sentences(make_report(replace(given, pools=(), jobs=(), predictions=blank), QUICK))
    assert "Predicted SSA is not known: what predicted gives no probabilities." in said


def test_systems_that_are_level_are_named_together(full: Report) -> None:
    assert not isinstance(full.scores, NotKnown)
    best, *rest = full.scores.systems
    level = replace(full.scores, systems=(best, replace(best, system="twin"), *rest))
    assert sentences(replace(full, scores=level))[0].startswith("steady and twin have the highest SSA: ")


def test_agreement_on_labels_that_do_not_vary_is_not_called_low(full: Report) -> None:
    assert not isinstance(full.agreement, NotKnown)
    (found,) = full.agreement
    first, *rest = (replace(each, interval=Interval(value=0.9, low=0.8, high=1.0)) for each in found.questions)
    alike = replace(first, interval=NOTHING)

    def said(*questions: Agreement) -> str:
        report = replace(full, agreement=(replace(found, questions=questions),))
        return next(line for line in sentences(report) if line.startswith("Agreement of raters"))

    assert said(alike) == "Agreement of raters is not known on sensible, where the labels do not vary."
    some = "Agreement of raters is reliable: Krippendorff's alpha 0.90 on specific; not known on sensible, where"
    assert said(alike, rest[0]).startswith(some)


def test_a_blind_choice_recovers_nothing_and_the_ranker_is_compared(given: Given) -> None:
    (found,) = standings(given.pools, given.predictions, draws=200)
    assert found.comparison.row("random").recovered.value == pytest.approx(0, abs=1e-12)
    assert found.comparison.reference == RANKER
    assert found.comparison.row("best source").recovered.value > 0.3
    (without,) = standings(given.pools, {}, draws=200)
    assert without.comparison.reference is None and RANKER not in {row.policy for row in without.comparison.rows}


def test_predicted_scores_come_near_the_truth_they_were_made_from(full: Report) -> None:
    assert not isinstance(full.predicted, NotKnown)
    for score in full.predicted:
        sensible, specific = QUALITY[score.system]
        assert score.ssa.value == pytest.approx((sensible + specific) / 2, abs=0.05)


def pool(id: str, values: list[float], texts: str = "abc") -> LabelledPool:
    return LabelledPool(
        pool=Pool(
            dialog=Dialog.of(["Hi!"], id=id), candidates=tuple(Candidate(text=t, source=f"s{t}", rank=0) for t in texts)
        ),
        dataset="made",
        family="made",
        sensible=judged(values),
        specific=judged(values),
        overall=judged([None] * 3),
    )


def prediction(dialog: str, text: str, value: float, blocked: bool = False) -> Prediction:
    return Prediction(
        dialog=dialog, text=text, sensible=value, specific=value, value=value,
        blocked=["toxicity"] if blocked else [], features={},
    )  # fmt: skip


def test_disagreements_come_costliest_first_with_the_whole_pool() -> None:
    pools = [
        pool("mild", [1, 0.75, 0]),
        pool("none", [1, 0, 0]),
        pool("wild", [0, 0.5, 1]),
        pool("torn", [1, 0, np.nan]),
    ]
    values = {"mild": (0.1, 0.9, 0.2), "none": (0.9, 0.1, 0.2), "wild": (0.9, 0.5, 0.1), "torn": (0.2, 0.1, 0.9)}
    predictions = {
        (dialog, text): prediction(dialog, text, value)
        for dialog, given in values.items()
        for text, value in zip("abc", given, strict=True)
    }
    first, second = disagreements(pools, predictions)
    assert (first.dialog, first.cost) == ("wild", 1) and (second.dialog, second.cost) == ("mild", 0.25)
    assert [(c.text, c.best, c.chosen) for c in first.candidates] == [
        ("c", True, False),
        ("b", False, False),
        ("a", False, True),
    ]


def test_what_is_blocked_is_not_the_rankers_choice() -> None:
    predictions = {("x", t): prediction("x", t, v, t == "a") for t, v in zip("abc", (0.9, 0.5, 0.1), strict=True)}
    (found,) = disagreements([pool("x", [0, 0.5, 1])], predictions)
    assert next(c for c in found.candidates if c.chosen).text == "b"
    assert next(c for c in found.candidates if c.text == "a").blocked == ("toxicity",)


def test_the_same_answer_of_two_systems_counts_once_for_calibration() -> None:
    predictions = {("x", t): prediction("x", t, 0.5) for t in "ab"}
    sensible, specific = heads([pool("x", [1, 1, 0], texts="aab")], predictions)
    assert sensible.reliability["rows"] == specific.reliability["rows"] == 2


def test_a_single_source_is_no_policy() -> None:
    alone = [
        replace(one, pool=Pool.of(f"Hi {at}!", ["a", "bb", "ccc"])) for at, one in enumerate([pool("x", [0, 1, 1])] * 3)
    ]
    (found,) = standings(alone, {}, draws=100)
    assert {row.policy for row in found.comparison.rows} == {"longest", "shortest", "random"}


def test_of_a_handful_of_contexts_the_verdict_says_nothing_about_head_room() -> None:
    few = [pool(f"d{at}", [0, 0.5, 1]) for at in range(3)]
    report = make_report(Given(pools=tuple(few)), QUICK)
    assert any(line.endswith("head-room is left open: it takes 10 contexts, 3 have any.") for line in sentences(report))


def test_without_prices_the_cost_is_not_known_rather_than_nothing(full: Report) -> None:
    assert not isinstance(full.costs, NotKnown)
    assert all(np.isnan(each.cost) for each in full.costs)
    assert {str(row[-1]) for row in tables(full)["costs"].rows} == {"nan"}
