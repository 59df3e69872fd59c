"""The blender as a service: a small web server that programs of any language ask."""

from __future__ import annotations

from importlib.util import find_spec

from blender.errors import MissingPackage

_missing = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]
if _missing:
    raise MissingPackage(
        f"the service needs {', '.join(_missing)}; install it with `pip install 'response-blender[serve]'`"
    )
