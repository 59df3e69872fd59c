from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from blender.errors import BadInput
from blender.labelling.answers import Proposed
from blender.labelling.campaign import Campaign
from blender.labelling.importing import Imported, check_rows
from blender.labelling.making import make_campaign
from blender.labelling.records import Label
from blender.labelling.sheets.sheet import Row
from blender.records import Dialog

TEXTS = ("Fine.", "=1+1", "Tea, please.", "")


@pytest.fixture
def campaign() -> Campaign:
    """Four answers to one context, the last of them empty."""
    dialog = Dialog.of("How are you?", id="d")
    return make_campaign([Proposed(system="s", kind="unknown", dialog=dialog, text=text) for text in TEXTS], name="x")


def sheet(campaign: Campaign, said: Sequence[tuple[str, str]], rater: str = "ann", file: str = "a.csv") -> list[Row]:
    """The rows of a sheet, with these cells for sensible and specific."""
    shown = [item for item in campaign.items if not item.empty]
    return [
        Row(
            file=file,
            place=f"row {at}",
            campaign=campaign.id,
            item=item.id,
            rater=rater,
            sensible=sensible,
            specific=specific,
            number=f"{at - 1} of {len(shown)}",
            answer=item.text,
        )
        for at, (item, (sensible, specific)) in enumerate(zip(shown, said, strict=True), start=2)
    ]


def problems(campaign: Campaign, rows: Sequence[Row], before: Sequence[Label] = (), **options: bool | str) -> list[str]:
    with pytest.raises(BadInput) as told:
        check_rows(campaign, rows, before, **options)  # type: ignore[arg-type]
    return list(told.value.problems)


def labels(imported: Imported) -> list[tuple[bool | None, bool | None]]:
    return [(label.sensible, label.specific) for label in imported.labels]


@pytest.mark.parametrize(
    ("yes", "no"), [("1", "0"), ("yes", "no"), ("ДА", "нет"), ("TRUE", "False"), (" y ", "n"), ("истина", "ЛОЖЬ")]
)
def test_values_are_understood_as_people_write_them(campaign: Campaign, yes: str, no: str) -> None:
    imported = check_rows(campaign, sheet(campaign, [(yes, yes), (yes, no), (no, no)]))
    assert labels(imported) == [(True, True), (True, False), (False, False)]


def test_what_is_left_empty_is_not_judged(campaign: Campaign) -> None:
    imported = check_rows(campaign, sheet(campaign, [("", ""), ("-", ""), ("1", "")]))
    assert labels(imported) == [(True, None)]
    assert (imported.unjudged, imported.half) == (2, 1)


def test_specific_without_sensible_is_taken_as_not_specific_and_counted(campaign: Campaign) -> None:
    imported = check_rows(campaign, sheet(campaign, [("0", "1"), ("0", ""), ("0", "0")]))
    assert labels(imported) == [(False, False)] * 3
    assert imported.not_specific == 1


@pytest.mark.parametrize("value", ["2", "-1", "0.5", "maybe", "10", "1 0", "١", "\u200b1"])
def test_values_out_of_range_are_told_with_their_row(campaign: Campaign, value: str) -> None:
    assert problems(campaign, sheet(campaign, [("1", "1"), (value, "0"), ("1", "0")])) == [
        f"a.csv, row 3: sensible is {value!r}; give 1 or 0, yes or no, да or нет, true or false, or leave it empty"
    ]


def test_all_problems_of_all_rows_are_told_together(campaign: Campaign) -> None:
    rows = sheet(campaign, [("7", "8"), ("", "1"), ("1", "1")])
    rows[2] = replace(rows[2], answer="Coffee, please.", rater=" ".strip())
    found = problems(campaign, rows)
    assert [text.split(": ")[0][-5:] for text in found] == ["row 2", "row 2", "row 3", "row 4", "row 4"]
    assert "fill in both, or neither" in found[2]
    assert "the answer was changed" in found[3]
    assert "the rater's name is missing" in found[4]


def test_missing_rows_are_told_by_number(campaign: Campaign) -> None:
    rows = sheet(campaign, [("1", "1")] * 3)
    (told,) = problems(campaign, rows[:1])
    assert told.startswith("a.csv: of the 3 rows for ann these are missing: 2 to 3;")
    assert len(check_rows(campaign, rows[:1], partial=True).labels) == 1


def test_numbers_beyond_the_campaign_are_told(campaign: Campaign) -> None:
    row = sheet(campaign, [("1", "1")] * 3)[0]
    (told,) = problems(campaign, [replace(row, number="1 of 400000000000")])
    assert "numbered as of 400000000000, and the campaign has" in told


def test_a_sheet_split_into_files_is_whole(campaign: Campaign) -> None:
    rows = sheet(campaign, [("1", "1")] * 3)
    assert len(check_rows(campaign, [*rows[:1], *(replace(row, file="b.csv") for row in rows[1:])]).labels) == 3


def test_doubled_rows_are_told_whether_they_agree_or_not(campaign: Campaign) -> None:
    rows = sheet(campaign, [("1", "1")] * 3)
    rows += [replace(rows[0], place="row 5"), replace(rows[1], place="row 6", sensible="0", specific="0")]
    first, second = problems(campaign, rows)
    assert first.startswith("a.csv, row 5: item ")
    assert "by ann comes twice, first in row 2" in first
    assert second.startswith("a.csv, row 6: ")
    assert "by ann comes twice with different labels, first in row 3" in second


def test_one_rater_in_two_files_must_say_the_same(campaign: Campaign) -> None:
    one, same = (sheet(campaign, [("1", "1")] * 3, file=file) for file in ("a.csv", "b.csv"))
    assert len(check_rows(campaign, one + same).labels) == 3
    other = sheet(campaign, [("1", "1"), ("1", "0"), ("1", "1")], rater="ANN", file="b.csv")
    (told,) = problems(campaign, one + other)
    assert told.startswith("b.csv, row 3: ")
    assert "different labels, first in a.csv, row 3" in told


def test_two_raters_may_differ(campaign: Campaign) -> None:
    rows = sheet(campaign, [("1", "1")] * 3) + sheet(campaign, [("0", "0")] * 3, rater="bob", file="b.csv")
    assert len(check_rows(campaign, rows).labels) == 6


def test_unknown_missing_and_empty_items_are_told(campaign: Campaign) -> None:
    (empty,) = (item.id for item in campaign.items if item.empty)
    rows = sheet(campaign, [("1", "1")] * 3)
    rows = [replace(row, item=item, answer=None) for row, item in zip(rows, ("nope", "", empty), strict=True)]
    unknown, missing, asked = problems(campaign, rows)
    assert "row 2: no item 'nope' is in the campaign" in unknown
    assert "row 3: the item's id is missing" in missing
    assert f"row 4: item {empty} is an empty answer, which nobody is asked about" in asked


def test_a_sheet_of_another_campaign_is_one_problem(campaign: Campaign) -> None:
    rows = [replace(row, campaign="0123456789abcdef") for row in sheet(campaign, [("1", "1")] * 3)]
    (told,) = problems(campaign, rows)
    assert told.startswith("a.csv, row 2, row 3, row 4: of another campaign, '0123456789abcdef'; this one is ")
    (told,) = problems(campaign, rows * 4)
    assert told.startswith("a.csv, row 2, row 3, row 4 and 9 more: of another campaign")
    (told,) = problems(campaign, [replace(row, campaign="") for row in rows])
    assert "the campaign's id is missing" in told


def test_a_changed_conversation_is_told(campaign: Campaign) -> None:
    rows = sheet(campaign, [("1", "1")] * 3)
    rows[0] = replace(rows[0], context="A: How are you today?")
    (told,) = problems(campaign, rows)
    assert "the conversation was changed; it should end with 'How are you?'" in told


def test_a_rater_s_name_may_be_given_for_all_rows(campaign: Campaign) -> None:
    rows = sheet(campaign, [("1", "1"), ("1", "0"), ("", "")], rater="")
    assert {label.rater for label in check_rows(campaign, rows, rater="ann").labels} == {"ann"}
    assert len(problems(campaign, rows)) == 2  # nobody needs to be named where nothing is said


@pytest.mark.parametrize("name", ["x" * 201, "a\nb", "a\x1b[31m"])
def test_a_rater_s_name_that_cannot_be_shown_is_refused(campaign: Campaign, name: str) -> None:
    assert "control characters" in problems(campaign, sheet(campaign, [("1", "1")] * 3, rater=name))[0]


def test_a_rater_known_already_is_the_same_in_any_case(campaign: Campaign) -> None:
    before = check_rows(campaign, sheet(campaign, [("1", "1")] * 3, rater="Jose\u0301")).labels
    imported = check_rows(campaign, sheet(campaign, [("1", "1")] * 3, rater="JOSÉ"), before)
    assert (imported.labels, imported.known) == ([], 3)


def test_the_same_labels_again_change_nothing(campaign: Campaign) -> None:
    rows = sheet(campaign, [("1", "1"), ("0", "1"), ("", "")])
    before = check_rows(campaign, rows).labels
    again = check_rows(campaign, rows, before)
    assert (again.labels, again.known, again.replaced) == ([], 2, 0)


def test_other_labels_than_before_need_to_be_wanted(campaign: Campaign) -> None:
    before = check_rows(campaign, sheet(campaign, [("1", "1"), ("0", "0"), ("", "")])).labels
    rows = sheet(campaign, [("1", "0"), ("0", "0"), ("1", "1")])
    (told,) = problems(campaign, rows, before)
    assert told.startswith("a.csv, row 2: ann said sensible 1, specific 1 of item ")
    assert "(from a.csv), now sensible 1, specific 0; pass --replace" in told
    imported = check_rows(campaign, rows, before, replace=True)
    assert (labels(imported), imported.replaced, imported.known) == ([(True, False), (True, True)], 1, 1)


def test_what_could_not_be_judged_on_the_page_may_be_judged_on_a_sheet(campaign: Campaign) -> None:
    rows = sheet(campaign, [("1", "1")] * 3)
    passed = [Label(item=rows[0].item, rater="ann", sensible=None, specific=None)]
    assert len(check_rows(campaign, rows, passed).labels) == 3


def test_of_very_many_problems_a_thousand_are_told(campaign: Campaign) -> None:
    row = sheet(campaign, [("1", "1")] * 3)[0]
    rows = [replace(row, place=f"row {at}", item=f"i{at}", number="") for at in range(1200)]
    told = problems(campaign, rows)
    assert len(told) == 1001
    assert told[-1] == "... and 200 problems more"
