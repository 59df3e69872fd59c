from __future__ import annotations

import pkgutil
import subprocess
import sys

import blender.models

HEAVY = {"torch", "transformers", "onnxruntime", "sklearn", "tokenizers", "huggingface_hub", "lightgbm", "faiss"}
NETWORKS = {"proxy_network", "proxy_transformer"}  # classes of torch's own; who needs them imports them when called


def test_no_module_here_loads_a_heavy_library_when_imported() -> None:
    modules = {module.name for module in pkgutil.iter_modules(blender.models.__path__)}
    assert modules > NETWORKS
    names = [f"blender.models.{name}" for name in sorted(modules - NETWORKS)]
    assert "blender.models.encoder" in names
    code = f"import sys, {', '.join(names)}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
