"""Numbers of the labelled sets that were worked out apart from this project, to 0.002."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blender.judging.ceiling import noise_ceiling
from blender.judging.compare import judge
from blender.judging.labels import read_labels
from blender.judging.policies import one_source_each, oracle
from blender.judging.target import MEAN

pytestmark = pytest.mark.slow

# set, without human answers?, random, longest, shortest, best single system, oracle
KNOWN = [
    ("dstc10-persona", False, 0.520, 0.612, 0.469, None, 0.738),
    ("dstc10-persona", True, 0.513, 0.612, None, 0.659, 0.729),
    ("dstc7", False, 0.428, 0.466, 0.375, None, 0.751),
    ("dstc7", True, 0.405, 0.386, None, 0.486, 0.691),
    ("usr-personachat", False, 0.752, 0.900, 0.572, None, 0.969),
    ("usr-personachat", True, 0.650, 0.689, None, 0.697, 0.811),
]


@pytest.mark.parametrize(("name", "machine", "random", "longest", "shortest", "single", "best"), KNOWN)
def test_random_longest_shortest_and_oracle(
    labelled: Path, name: str, machine: bool, random: float, longest: float, shortest: float | None,
    single: float | None, best: float,
) -> None:  # fmt: skip
    pools = read_labels(labelled / f"{name}.jsonl")
    if machine:
        pools = [p.take([at for at, c in enumerate(p.pool.candidates) if c.kind != "human"]) for p in pools]
    # of equally long answers the first was taken
    lengths = [np.array([len(text) for text in p.pool.texts]) for p in pools]
    first = [np.linspace(0, -0.5, len(p)) for p in pools]
    found = judge(
        pools,
        {
            "random": [np.zeros(len(p)) for p in pools],
            "longest": [n + f for n, f in zip(lengths, first, strict=True)],
            "shortest": [f - n for n, f in zip(lengths, first, strict=True)],
            "oracle": oracle(pools, definition=MEAN),
            **one_source_each(pools),
        },
        definition=MEAN,
        draws=10,
    )
    expected = {"random": random, "longest": longest, "shortest": shortest, "oracle": best}
    for policy, value in expected.items():
        if value is not None:
            assert found.row(policy).mean_target == pytest.approx(value, abs=0.002), policy
    assert found.row("oracle").recovered.value == pytest.approx(1)
    assert found.row("random").recovered.value == pytest.approx(0, abs=1e-9)
    if single is not None:
        assert max(r.mean_target for r in found.rows if r.policy.startswith("source ")) == pytest.approx(
            single, abs=0.002
        )


# estimated before by other means: dstc7 59 %, dstc10-persona 69 to 80 %, usr 76 to 85 %, zhao 85 to 87 %
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("dstc7", 0.56, 0.62),
        ("dstc10-persona", 0.69, 0.80),
        ("usr-personachat", 0.76, 0.85),
        ("persona-zhao", 0.83, 0.89),
    ],
)
def test_noise_ceilings_agree_with_first_estimates(labelled: Path, name: str, low: float, high: float) -> None:
    pools = read_labels(labelled / f"{name}.jsonl")
    if name != "persona-zhao":  # its sources are not known
        pools = [pool.machine_only() for pool in pools]
    assert low < noise_ceiling(pools).recovered.value < high
