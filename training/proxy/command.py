"""`blend proxy`: distil a language model's perplexity into a light regressor, and judge one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from blender.errors import BadInput
from blender.models.precision import Precision
from blender.models.proxy import Proxy, load_proxy
from blender.models.proxy_files import Size
from blender.seeds import LARGEST_SEED
from blender.training.proxy.judge import judge
from blender.training.proxy.material import Material, gather
from blender.training.proxy.settings import ProxySettings
from blender.training.proxy.speed import SPEED_ROWS, Speed, speeds
from blender.training.proxy.tables import console, print_judgement, print_speeds
from blender.training.proxy.train import train_proxy

app = typer.Typer(
    help="Distil a language model's perplexity into a light regressor.", no_args_is_help=True, rich_markup_mode=None
)

Source = Annotated[str, typer.Argument(help="Phrases or conversations, or pkg:chitchat_dataset.")]
Other = Annotated[list[Path] | None, typer.Option("--other", help="Corpus that is only judged on; may be repeated.")]
Rows = Annotated[int, typer.Option(help="Phrases to learn from, at most.")]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of the split and of training.")]
Speeds = Annotated[bool, typer.Option("--speed/--no-speed", help="Measure rows per second beside the language model.")]


@app.command()
def train(
    source: Source,
    out: Annotated[Path, typer.Option(help="Folder of the proxy.")],
    model: Annotated[
        str, typer.Option("--model", "--lm", help="Language model that is imitated.")
    ] = ProxySettings.model,
    dtype: Annotated[Precision, typer.Option(help="Precision it judges in.")] = "bfloat16",
    encoder: Annotated[str, typer.Option(help="Sentence encoder.")] = ProxySettings.encoder,
    size: Annotated[Size, typer.Option(help="On sentence embeddings, or from text.")] = "head",
    conditional: Annotated[bool, typer.Option("--conditional", help="Learn the loss given the context too.")] = False,
    other: Other = None,
    language: Annotated[str, typer.Option(help="Whose word frequencies are read.")] = "en",
    rows: Rows = 20_000,
    pairs: Annotated[int, typer.Option(help="Phrases with context to learn from, at most.")] = 3_000,
    held_out: Annotated[int, typer.Option(help="Phrases to judge on, and as many left aside.")] = 2_000,
    fewest: Annotated[int, typer.Option("--min-words", help="Leave shorter phrases out.")] = 1,
    most: Annotated[int, typer.Option("--max-words", help="Leave longer phrases out.")] = 40,
    layers: Annotated[int, typer.Option(help="Of the transformer.")] = 4,
    epochs: Annotated[int, typer.Option(help="How often each phrase is seen; 0: what suits the size.")] = 0,
    seed: Seed = 0,
    speed: Speeds = True,
) -> None:
    """Train a proxy and print how well it does beside all baselines.

    A run that was stopped goes on where it was.
    """
    settings = ProxySettings(
        model=model,
        dtype=dtype,
        encoder=encoder,
        size=size,
        conditional=conditional,
        language=language,
        rows=rows,
        pairs=pairs,
        held_out=held_out,
        fewest=fewest,
        most=most,
        layers=layers,
        epochs=epochs,
        seed=seed,
    )
    trained = train_proxy(source, out, settings, named(other))
    to = console()
    print_judgement(to, trained.judgement)
    if speed:
        print_speeds(to, _speeds(trained.proxy, trained.material))
    size_in_bytes = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    to.print(f"{out}: {size_in_bytes / 1e6:.1f} MB. To use it, put into the settings:", soft_wrap=True)
    to.print(f'[annotators.proxy]\nproxy = "{out}"', soft_wrap=True)


@app.command()
def evaluate(
    proxy: Annotated[str, typer.Argument(help="Folder of a proxy, or default.")],
    source: Source,
    other: Other = None,
    speed: Speeds = True,
) -> None:
    """Judge a proxy on phrases that its training held out.

    Other corpora come beside them. Needs the corpus and the language model it was trained with: what was held out
    follows from its seed.
    """
    loaded = load_proxy(proxy)
    settings = msgspec.convert(loaded.manifest.settings, ProxySettings)
    material = gather(source, settings, named(other))
    if material.parts.digest != loaded.manifest.data:
        raise BadInput(
            f"the proxy was not trained on these phrases (digest {loaded.manifest.data}, now {material.parts.digest}), "
            "so what it did not see is not known; give the corpus of its training, and others by --other"
        )
    to = console()
    print_judgement(to, judge(loaded, material, settings.seed))
    if speed:
        print_speeds(to, _speeds(loaded, material))


def named(others: Sequence[Path] | None) -> dict[str, Path]:
    """Corpora by the names of their files.

    Raises:
        BadInput: two have the same name.
    """
    found = {path.stem: path for path in others or ()}
    if len(found) < len(others or ()):
        raise BadInput(f"other corpora must have different file names, got {', '.join(map(str, others or ()))}")
    return found


def _speeds(proxy: Proxy, material: Material) -> Mapping[str, Speed]:
    texts = [one.text for one in material.parts.counted[:SPEED_ROWS]]
    return speeds(proxy.manifest.model, texts, {proxy.manifest.size: proxy})
