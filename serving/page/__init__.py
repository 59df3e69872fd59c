"""The labelling page: a small web server on which raters label."""

from __future__ import annotations

from importlib.util import find_spec

from blender.errors import MissingPackage

_missing = [name for name in ("fastapi", "markdown_it", "sqlalchemy", "uvicorn") if find_spec(name) is None]
if _missing:
    raise MissingPackage(
        f"the labelling page needs {', '.join(_missing)}; install it with `pip install 'response-blender[label]'`"
    )
