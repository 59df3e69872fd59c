"""Tables of a proxy, and its model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from blender.models.proxy_files import ProxyManifest
from blender.training.proxy.judge import Judgement
from blender.training.proxy.measure import Fit
from blender.training.report import table


def fit_lines(fits: Mapping[str, Fit], title: str) -> list[str]:
    """A markdown table of fits."""
    rows = []
    for name, fit in fits.items():
        interval = f"{fit.low:.3f} to {fit.high:.3f}" if fit.low == fit.low else ""
        order = (number(fit.spearman), interval)
        rows.append((name, fit.n, *order, f"{fit.r2:.3f}", f"{fit.error:.3f}", f"{fit.bias:+.3f}"))
    return table((title, "n", "Spearman", "95 %", "R²", "mean error, nats", "bias, nats"), rows)


def number(value: float) -> str:
    """Three digits, or ``none`` for what is not defined."""
    return f"{value:.3f}" if value == value else "none"


def judgement_lines(judgement: Judgement) -> Iterator[str]:
    """All tables of a judgement, markdown."""
    for corpus, fits in judgement.fits.items():
        yield from ("", *fit_lines(fits, corpus))
    yield from ("", *fit_lines(judgement.lengths, "held-out, by words"))
    if judgement.given:
        yield from ("", *fit_lines(judgement.given, "held-out pairs, loss given the context"))


def train_command(source: str, manifest: ProxyManifest, out: str) -> str:
    """The command that makes the proxy again."""
    settings = manifest.settings
    parts = [f"blend proxy train {source} --out {out} --model {settings['model']} --dtype {settings['dtype']}"]
    parts.append(f"--size {manifest.size} --rows {settings['rows']} --held-out {settings['held_out']}")
    if manifest.conditional:
        parts.append(f"--conditional --pairs {settings['pairs']}")
    parts.append(f"--min-words {settings['fewest']} --max-words {settings['most']} --seed {manifest.seed}")
    return " ".join(parts)


def write_card(source: str, manifest: ProxyManifest, judgement: Judgement, seconds: Mapping[str, float]) -> str:
    """The card, markdown."""
    settings = manifest.settings
    lines = [
        "# Model card of a proxy",
        "",
        f"Guesses how many nats per token the language model {settings['model']} (in {settings['dtype']}) loses on a "
        f"phrase alone{' and given its context' if manifest.conditional else ''}. It was never shown what people think "
        "of a phrase: a low number means words that come as no surprise, not a good answer.",
        "",
        f"Made by `{train_command(source, manifest, 'FOLDER')}` from the phrases of {source} "
        f"(digest {manifest.data}), seed {manifest.seed}. Phrases were split by conversation, and no text is in two "
        f"parts. The language model took {seconds['judging']:.0f} s where it had not judged before, training "
        f"{seconds['training']:.0f} s.",
        "",
        "The baselines were fitted on the same phrases. `Spearman` is the rank correlation with the language model's "
        "own numbers, its interval is over resampled phrases; `bias` is guess minus truth.",
        *judgement_lines(judgement),
        "",
        "## Cautions",
        "",
        "- It is no judge of sense: combine it with relevance, or strange phrases win.",
        "- Its guesses are nearer to the mean than the truth, so quantiles of guesses reach the ends of the scale less "
        "often than those of the language model.",
        "- Of words that are neither in the corpus nor in the frequency list it knows only how they are written.",
    ]
    return "\n".join(lines) + "\n"
