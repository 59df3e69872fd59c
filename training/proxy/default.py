"""Trains the proxy that comes with the package, from the packaged conversations alone.

python -m blender.training.proxy.default
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blender.errors import BadModel
from blender.models.proxy import PROXIES
from blender.training.proxy.report import SETTINGS, SOURCE
from blender.training.proxy.train import train_proxy
from blender.training.script import run

MOST_BYTES = 2_000_000


def main(out: Annotated[Path, typer.Option(help="Folder that it is written to.")] = PROXIES / "default") -> None:
    """Train it."""
    train_proxy(SOURCE, out, SETTINGS)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        raise BadModel(f"the proxy takes {size} bytes, more than the {MOST_BYTES} allowed; use fewer buckets")


if __name__ == "__main__":
    run(main)
