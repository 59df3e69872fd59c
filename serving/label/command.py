"""`blend label`: let people judge answers, on a page in the browser or on sheets, and put their labels together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from blender.labelling.aggregate import Method
from blender.labelling.campaign import CAMPAIGN, Campaign
from blender.labelling.gold import read_gold
from blender.labelling.making import GOLD_EVERY, make_campaign
from blender.labelling.records import Form
from blender.outputs import check_new_file, check_place
from blender.seeds import LARGEST_SEED
from blender.serving.cli import Lazy
from blender.serving.label.job import Job, digest, read_answers, version
from blender.serving.label.sheets import export_sheets, import_sheets
from blender.serving.terminal import messages, output, shown
from blender.texts import check_locale

# Imported when they are called: the page needs a web server, the choice of what to label next needs models.
LAZY = {
    "page": ("blender.serving.page.command:page", "Serve the page on which raters label."),
    "next": ("blender.serving.label.next:label_next", "Pick what to label next."),
}


class Group(TyperGroup):
    """The sub-commands here, and those of `LAZY`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the work."""
        first, *rest = super().list_commands(ctx)
        return [first, "page", *rest, "next"]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by name, or a stand-in for a lazy one."""
        return Lazy(cmd_name, *LAZY[cmd_name]) if cmd_name in LAZY else super().get_command(ctx, cmd_name)


app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Let people judge answers: sensible? specific? On a page in the browser, or on sheets.",
)

Folder = Annotated[Path, typer.Argument(help="Folder of the job, as `blend label make` wrote it.")]
Database = Annotated[
    str | None,
    typer.Option(
        "--db",
        help="Database of the labels: a SQLAlchemy URL, or a file of SQLite; labels.sqlite of the job by default.",
    ),
]
SheetFormat = Literal["csv", "xlsx", "label-studio", "toloka"]


@app.command()
def make(
    source: Annotated[Path, typer.Argument(help="Folder of a run of systems, or JSON lines of pools with candidates.")],
    out: Annotated[Path, typer.Option(help="Folder of the new job.")],
    form: Annotated[Form, typer.Option(help="One answer a page, or all answers to one context.")] = "pool",
    raters: Annotated[int, typer.Option(min=1, max=1000, help="How many are to judge each answer.")] = 3,
    gold: Annotated[
        Path | None,
        typer.Option(help="JSON lines of answers with known labels: context, response, sensible, specific."),
    ] = None,
    gold_every: Annotated[int, typer.Option(min=2, help="About one page in so many is gold.")] = GOLD_EVERY,
    repeat: Annotated[float, typer.Option(min=0, max=0.5, help="Share of pages that is shown again.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of everything random.")] = 0,
    name: Annotated[str | None, typer.Option(help="For people; the name of the source by default.")] = None,
    locale: Annotated[
        str, typer.Option(callback=check_locale, help="Language of dialogs in a file of pools that do not say theirs.")
    ] = "en",
) -> None:
    """Make a job from answers, for raters to judge blind.

    Answers are shuffled; gold answers and repeated pages are mixed in.
    """
    answers, made = read_answers(source, locale)
    known = read_gold(gold) if gold else []
    if gold:
        made |= {"gold": gold.name, "gold digest": digest(gold.read_bytes()), "gold every": str(gold_every)}
    campaign = make_campaign(
        answers,
        name=name or source.resolve().stem,
        form=form,
        raters=raters,
        gold=known,
        gold_every=gold_every,
        repeat=repeat,
        seed=seed,
        made=version() | made | {"repeat": str(repeat)},
    )
    check_place(out / CAMPAIGN)
    before = Campaign.load(out) if (out / CAMPAIGN).exists() else campaign
    campaign.save(out)
    _say_changes(before, campaign)
    _describe(campaign, out, len(known))


@app.command("export")
def export_(
    job: Folder,
    made_as: Annotated[SheetFormat, typer.Option("--format", help="A spreadsheet, or tasks for a tool.")] = "xlsx",
    rater: Annotated[
        list[str] | None,
        typer.Option(help="Name of a rater; give all of them at once, each gets a sheet. Without: one sheet for all."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the sheets; `sheets` in the job's by default.")] = None,
    everything: Annotated[bool, typer.Option("--everything", help="Give every page to every rater.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace sheets that are there.")] = False,
) -> None:
    """Write sheets for raters, or tasks for label-studio or toloka."""
    export_sheets(Job.open(job), made_as, rater or (), out, everything=everything, overwrite=overwrite)


@app.command("import")
def import_(
    job: Folder,
    files: Annotated[list[Path], typer.Argument(help="Sheets that came back; all of them or none are taken.")],
    read_as: Annotated[
        SheetFormat | None, typer.Option("--format", help="By default what the file's suffix tells.")
    ] = None,
    rater: Annotated[str, typer.Option(help="Name for rows that do not say theirs.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Take the sheet's label where another was given.")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Accept sheets that lack rows.")] = False,
    db: Database = None,
) -> None:
    """Take labels from sheets.

    If anything is wrong, every problem is listed with its row and nothing is taken.
    """
    import_sheets(Job.open(job, db), files, read_as, rater, replace=replace, partial=partial)


@app.command()
def status(job: Folder, db: Database = None) -> None:
    """Tell how far the job is, how raters agree, how each does."""
    from blender.serving.label.status import print_status

    opened = Job.open(job, db)
    print_status(output(), opened.campaign, opened.labels())


@app.command()
def aggregate(
    job: Folder,
    out: Annotated[Path, typer.Option(help="JSON lines of labels, for `blend train`, `report` and `evaluate`.")],
    method: Annotated[Method, typer.Option(help="How labels of several raters become one.")] = "majority",
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of mace.")] = 0,
    without: Annotated[
        list[str] | None, typer.Option(help="Name of a rater whose labels do not count; may be repeated.")
    ] = None,
    db: Database = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file that is there.")] = False,
) -> None:
    """Put the labels of several raters together.

    What is written is in the training format.
    """
    from blender.labelling.database import files_of
    from blender.serving.label.aggregate import write_labels

    opened = Job.open(job, db)
    check_new_file(out, overwrite=overwrite, read=[opened.folder / CAMPAIGN, *files_of(opened.db)])
    write_labels(opened, out, method, seed, without or ())


def _say_changes(before: Campaign, now: Campaign) -> None:
    """The same answers may be made a job again, with other settings; labels stay."""
    for what in ("name", "raters"):
        was, is_now = getattr(before, what), getattr(now, what)
        if was != is_now:
            messages().print(shown(f"The job was there already: {what} was {was!r} and is {is_now!r} now."))


def _describe(campaign: Campaign, folder: Path, known: int) -> None:
    items, pages = campaign.items, campaign.pages.values()
    asked = sum(item.scored and not item.empty for item in items)
    gold, again = (sum(test) for test in ([p[0].gold is not None for p in pages], [bool(p[0].repeats) for p in pages]))
    left_out = known - sum(item.gold is not None for item in items)
    empty = sum(item.empty for item in items)
    output().print(shown(str(folder)), soft_wrap=True)
    told = messages()
    told.print(
        f"{asked:,} answers on {len(pages) - gold - again:,} pages, {campaign.raters} raters each: "
        f"{asked * campaign.raters:,} labels. Besides, pages with gold answers: {gold:,}; pages shown again: {again:,}."
    )
    if left_out:
        told.print(f"Gold answers left out, so that no more than one page in --gold-every is gold: {left_out:,}.")
    if empty:
        told.print(f"Empty answers, which count as not sensible without asking a rater: {empty:,}.")
    told.print(shown(f"Next: blend label page {folder}, or blend label export {folder} --rater NAME --rater NAME ..."))
