"""Trees that agree with their digest and would yet end or hang the process are refused before LightGBM sees them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import lightgbm
import numpy as np
import pytest

import blender
from blender.errors import BadBundle
from blender.forest import Forest
from blender.tree_text import check_trees


@cache
def grown(rounds: int = 3, **more: object) -> str:
    rows = np.random.default_rng(0).normal(size=(200, 3))
    settings = {"verbose": -1, "num_threads": 1, "num_leaves": 4, **more}
    data = lightgbm.Dataset(rows, label=rows[:, 0] + rows[:, 1] ** 2, feature_name=["a", "b", "c"])
    return lightgbm.train(settings, data, rounds).model_to_string()


def changed(field: str, number: int, value: str) -> str:
    """A model whose first field of that name has another number there, and the sizes that go with it."""
    old = re.search(rf"^{field}=(.*)$", grown(), re.MULTILINE)
    assert old
    numbers = old[1].split()
    numbers[number : number + 1] = value.split()
    return resized(grown().replace(old[0], f"{field}={' '.join(numbers)}", 1))


def resized(text: str) -> str:
    trees = text.partition("\nend of trees")[0].split("\nTree=")[1:]
    sizes = " ".join(str(len(f"\nTree={tree}")) for tree in trees)
    return re.sub(r"^tree_sizes=.*$", f"tree_sizes={sizes}", text, count=1, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("field", "number", "value", "says"),
    [
        ("num_leaves", 0, "5", "tree 0 is not as LightGBM writes one"),
        ("num_leaves", 0, "0", "tree 0 has not 1 to 256 leaves"),
        ("num_leaves", 0, "999", "tree 0 has not 1 to 256 leaves"),
        ("num_cat", 0, "1", "without categories"),
        ("is_linear", 0, "1", "without categories and linear models"),
        ("decision_type", 0, "1", "without categories"),
        ("split_feature", 0, "3", "reads a column that is not among the 3"),
        ("split_feature", 0, "-1", "reads a column"),
        ("left_child", 0, "0", "does not lead to every node and leaf in one way"),
        ("left_child", 1, "0", "does not lead"),
        ("left_child", 1, "99999", "does not lead"),
        ("right_child", 2, "-5", "does not lead"),
        ("left_child", 0, "", "is not as LightGBM writes one of so many leaves"),
        ("threshold", 0, "", "is not as"),
        ("leaf_value", 0, "1 2", "is not as"),
        ("leaf_value", 0, "much", "is not as"),
        ("internal_count", 0, "", "is not as"),
        ("num_class", 0, "5000", "num_class of its head"),
        ("num_tree_per_iteration", 0, "7", "num_tree_per_iteration of its head"),
        ("max_feature_idx", 0, "9", "max_feature_idx of its head"),
    ],
)
def test_a_tree_that_leads_astray_is_refused(
    field: str, number: int, value: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadBundle, match=says) as fault:
        Forest([changed(field, number, value)])
    assert "\n" not in str(fault.value) and str(fault.value).endswith("train or fetch the bundle anew")
    assert capfd.readouterr() == ("", ""), "LightGBM itself was not asked"


def test_every_leaf_is_reached_once() -> None:
    way = re.search(r"^left_child=(.*)\nright_child=(.*)$", grown(), re.MULTILINE)
    assert way
    leaf = next(child for child in way[2].split() if child.startswith("-"))
    at = next(at for at, child in enumerate(way[1].split()) if child.startswith("-"))
    with pytest.raises(BadBundle, match="does not lead to every node and leaf in one way"):
        check_trees(changed("left_child", at, leaf))


@pytest.mark.parametrize(
    "text",
    [
        re.sub(r"tree_sizes=\d+", "tree_sizes=80000000", grown()),
        grown().replace("tree_sizes", "tree_seizes"),
        grown().replace("num_class=1\n", "num_class=1\nnum_class=5000\n"),
        grown().replace("num_class=1\n", "num_class=1\n=num_class=5000\n"),
        grown().replace("num_class=1\n", "num_class=1\nx\rnum_class=5000\n"),
        grown().replace("objective", "\0objective"),
        grown().replace("objective=regression", "objective= "),
    ],
)
def test_a_head_that_lightgbm_would_read_otherwise_is_refused(text: str) -> None:
    with pytest.raises(BadBundle, match=r"head|signs"):
        check_trees(text)


def test_linear_trees_are_refused() -> None:
    with pytest.raises(BadBundle, match="without categories and linear models"):
        check_trees(grown(linear_tree=True))


def test_what_training_makes_is_taken() -> None:
    check_trees(grown())
    check_trees(grown(min_data_in_leaf=1000))  # a tree of one leaf
    check_trees(grown(num_leaves=31, monotone_constraints="1,0,0"))
    packaged = sorted((Path(blender.__file__).parent / "bundles").glob("*/*.txt"))
    assert packaged
    for path in packaged:
        check_trees(path.read_text(encoding="utf-8"))
