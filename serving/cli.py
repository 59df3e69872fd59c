"""The command line. A command's module is imported when that command is called, so `blend --help` is quick."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from blender import __version__
from blender.errors import BadInput, BlendError

# name: (module:attribute, one line of help). The attribute is a function, or a typer app of sub-commands.
COMMANDS = {
    "reply": ("blender.serving.reply:reply", "Answer a conversation given turn by turn."),
    "chat": ("blender.serving.chat:chat", "Talk in the terminal; /why and /pool show the last choice."),
    "serve": ("blender.serving.service.command:serve", "Answer over HTTP: JSON, or as a chat-completions server."),
    "choose": ("blender.serving.choose:choose", "Choose among given candidates, on JSON lines."),
    "evaluate": ("blender.serving.evaluate:evaluate", "Answer a file of dialogs by one or more systems; resumes."),
    "sample": ("blender.serving.sample_command:sample", "Draw contexts to judge systems on from a trusted corpus."),
    "predict": ("blender.serving.predict_command:predict_command", "Predict what raters would say of answers."),
    "features": ("blender.serving.features_command:features", "List every feature: unit, direction, meaning, NaN."),
    "demo": ("blender.serving.demo:demo", "Answer dialogs that show what the blender does."),
    "models": ("blender.serving.models_command:app", "Install and list the packages that carry models."),
    "index": ("blender.serving.index_command:app", "Build, change and search a base of phrases."),
    "base": ("blender.serving.base.command:app", "Score the phrases of a base once; review, keep, drop."),
    "label": ("blender.serving.label.command:app", "Let people label answers: on a page or on sheets."),
    "report": ("blender.serving.report.command:report", "Judge systems by their labels: HTML, JSON, CSV."),
    "train": ("blender.training.command:train", "Train a ranker on human labels and save its bundle."),
    "adapt": ("blender.training.adapt_command:adapt", "Correct a bundle's order by labels of your own."),
    "recalibrate": ("blender.serving.recalibrate_command:recalibrate", "Fit a bundle's probabilities to your labels."),
    "abstain": ("blender.serving.abstain_command:abstain", "Find the min_sensible that keeps a promise, by labels."),
    "bootstrap": ("blender.training.command:bootstrap", "Make weak labels from plain dialogues."),
    "proxy": ("blender.training.proxy.command:app", "Distil a model's perplexity into a light regressor."),
    "tune": ("blender.training.tune.command:tune", "Tune the retriever: by dialogues, by PPO, by the ranker."),
    "prompts": ("blender.training.prompts.command:app", "Retrieve prompts that help a frozen model (UPRISE)."),
    "export": ("blender.serving.export.command:app", "Write judged pools as preferences for trl and datasets."),
    "learning-curve": ("blender.training.curve_command:learning_curve", "Say what more labels would bring."),
}


_MOST_PROBLEMS = 20  # told of at a time; the same mistake may be in every line of a long file


class Lazy(TyperCommand):
    """Stands for a command until it is called."""

    def __init__(self, name: str, target: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self.target = target

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Import the real command and hand over to it."""
        return self._real().make_context(info_name, args, parent, **extra)

    def _real(self) -> Any:
        module, _, attribute = self.target.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.callback()(program)  # makes it a group, whose one command is then taken out
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=self.name)
        else:
            app.command(self.name)(found)
        group = typer.main.get_command(app)
        assert isinstance(group, TyperGroup) and self.name  # noqa: S101 - as made above
        return group.commands[self.name]


def program(*, version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """Choose the answer of a dialogue system: pool, annotate, guard, rank, choose, explain."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def command() -> TyperGroup:
    """The whole command line, its commands not yet imported."""
    app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
    app.callback(invoke_without_command=True)(program)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)  # noqa: S101 - a typer app with a callback is one
    for name, (target, summary) in COMMANDS.items():
        group.add_command(Lazy(name, target, summary))
    return group


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``blend`` and return its exit code: 2 for what the user can mend, 130 when interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter gets a question mark, not a crash
            stream.reconfigure(errors="replace")
    try:
        command().main(args=None if arguments is None else list(arguments), prog_name="blend")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BlendError as fault:
        _complain(fault)
        code = 2
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = 1
    except OSError as fault:  # a disk that is full, a file that may not be read: what was done before is kept
        _complain(BlendError(f"{fault.filename or 'output'}: {fault.strerror or fault}"))
        code = 2
    else:
        code = 0
    return _flushed(code)


def _complain(fault: BlendError) -> None:
    from blender.serving.terminal import plain

    problems = fault.problems if isinstance(fault, BadInput) else (str(fault),)
    for problem in problems[:_MOST_PROBLEMS]:
        sys.stderr.write(f"error: {plain(problem)}\n")
    if len(problems) > _MOST_PROBLEMS:
        sys.stderr.write(f"... and {len(problems) - _MOST_PROBLEMS:,} more problems\n")


def _flushed(code: int) -> int:
    """Flush now: a reader that left would otherwise be complained of while Python shuts down."""
    try:
        sys.stdout.flush()
    except OSError as fault:
        if not isinstance(fault, BrokenPipeError):
            _complain(BlendError(f"output: {fault.strerror or fault}"))
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or 1
    return code


def run() -> NoReturn:
    """The program ``blend``.

    A call that was left behind because it was late may be deep in native code, and the interpreter's ending would
    abort the process under it (exit code 134 after all was done well); then the process ends without that ceremony.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        # Else it would leave behind what Ctrl+C does not: files that are written aside.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    code = main()
    if any(thread.name.startswith("blender-") for thread in threading.enumerate()):
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    run()
