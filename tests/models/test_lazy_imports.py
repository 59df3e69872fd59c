from __future__ import annotations

import pkgutil
import subprocess
import sys

import blender.models

HEAVY = {"torch", "transformers", "onnxruntime", "sklearn", "tokenizers", "huggingface_hub", "lightgbm", "faiss"}


def test_no_module_here_loads_a_heavy_library_when_imported() -> None:
    names = [f"blender.models.{module.name}" for module in pkgutil.iter_modules(blender.models.__path__)]
    assert "blender.models.encoder" in names
    code = f"import sys, {', '.join(names)}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
