"""Writes what a benchmark measured, with the machine and the versions it was measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from blender.training.report import write_json

FOLDER = Path(__file__).parent
_PACKAGES = ("torch", "transformers", "lightgbm", "faiss-cpu", "onnxruntime", "numpy")


def record(name: str, *, command: str, seed: int | None, values: Mapping[str, Any]) -> Path:
    """Write ``benchmarks/performance/NAME.json``; figures of another kind than this run's are not kept.

    Args:
        name: of the benchmark.
        command: repeats it.
        seed: of everything random; ``None`` if nothing is.
        values: what was measured, with n and unit in the names or beside.
    """
    path = FOLDER / f"{name}.json"
    write_json(path, {"command": command, "seed": seed, "machine": machine(), **values})
    return path


def machine() -> dict[str, Any]:
    """Processor, cores, what it can multiply in, and the versions that matter for speed."""
    import torch

    able = torch.cpu.get_capabilities()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "instructions": [name for name in ("avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8") if able.get(name)],
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def interleaved(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each call, in turn, so that a busy minute of the machine falls on all of them; one warm-up round."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for at in range(rounds + 1):
        for name, call in calls.items():
            begun = perf_counter()
            call()
            if at:
                seconds[name].append(perf_counter() - begun)
    return seconds


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and n of durations."""
    values = 1000 * np.asarray(seconds)
    return {
        "median ms": round(float(np.median(values)), 3),
        "p95 ms": round(float(np.quantile(values, 0.95)), 3),
        "n": len(values),
    }
