"""The packaged linear models that the safety head is compared with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from blender.errors import BadModel
from blender.matrix import Floats

WORDS = {"en": "pkg:toxicityclassifier/English", "ru": "pkg:toxicityclassifier/Russian"}
OTHER = "alt-profanity-check"
HOW = f"pip install --no-deps {OTHER}==1.9.1"
_CODE = (
    "import json, sys; from profanity_check import predict_prob; "
    "json.dump([float(one) for one in predict_prob(json.load(sys.stdin))], sys.stdout)"
)


def other_installed() -> bool:
    """Whether alt-profanity-check is there; nothing but this comparison uses it."""
    try:
        return bool(version(OTHER))
    except PackageNotFoundError:
        return False


def other_scores(texts: Sequence[str]) -> Floats:
    """What alt-profanity-check says of texts, float32 (texts,); run in a process of its own, as it reads a pickle.

    Raises:
        BadModel: it fails.
    """
    import numpy as np

    done = subprocess.run(  # noqa: S603 - our own code and interpreter
        [sys.executable, "-c", _CODE], input=json.dumps(list(texts)), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BadModel(f"{OTHER} failed: {done.stderr[-300:]}; install it with `{HOW}`")
    return np.array(json.loads(done.stdout), dtype=np.float32)
