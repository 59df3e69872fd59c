"""Looking at trees in LightGBM's text form before LightGBM does.

It trusts them: numbers that point astray, lead in a circle or do not parse end the process, or never come to an end.
"""

from __future__ import annotations

import re
from functools import cache

from blender.errors import BadBundle

_FIRST, _END = "\nTree=", "\nend of trees\n"
_MOST_LEAVES = 256  # TreeSHAP takes their third power in time; ours have eight
_INTEGER, _NUMBER = r"-?\d{1,18}+", r"-?(?:\d++(?:\.\d++)?+(?:e[+-]?\d++)?+|inf|nan)"
_DECISION = "(?:10|[02468])"  # bits: 1 by category, 2 unknown goes left, 4 and 8 what is unknown
_BY_NODE = {"split_feature": _INTEGER, "split_gain": _NUMBER, "threshold": _NUMBER, "decision_type": _DECISION,
            "left_child": _INTEGER, "right_child": _INTEGER}  # fmt: skip
_BY_LEAF = {"leaf_value": _NUMBER, "leaf_weight": _NUMBER, "leaf_count": _INTEGER}
_INSIDE = {"internal_value": _NUMBER, "internal_weight": _NUMBER, "internal_count": _INTEGER}


def columns_of(text: str) -> tuple[str, ...]:
    """Columns that a model was trained on, in order; none if it does not say."""
    head = text.partition(_FIRST)[0]
    named = next((line for line in head.split("\n") if line.startswith("feature_names=")), "")
    return tuple(named.removeprefix("feature_names=").split())


def check_trees(text: str) -> None:
    """Refuse a text that LightGBM could not read, or whose trees it could not walk through.

    Raises:
        BadBundle: it is such a text; the message says which tree and why.
    """
    columns = columns_of(text)
    body, end, _ = text.partition(_END)
    if not columns or not end or "\r" in text or "\0" in text:  # for LightGBM a line or the text ends there
        raise _wrong("it names no columns, has no end, or holds signs that end it early")
    head, *trees = body.split(_FIRST)
    _check_head(head, trees, len(columns))
    for number, tree in enumerate(trees):
        if fault := _fault(tree, len(columns)):
            raise _wrong(f"tree {number} {fault}")


def _wrong(why: str) -> BadBundle:
    return BadBundle(f"the trees are not a LightGBM model ({why}); train or fetch the bundle anew")


def _check_head(head: str, trees: list[str], columns: int) -> None:
    pairs = [line.partition("=") for line in head.rstrip("\n").split("\n")]
    told = {name: value for name, _, value in pairs}
    if "" in told or len(told) < len(pairs) or not told.get("objective", "none").strip(" "):
        raise _wrong("its head says a field twice or by half")
    expected = {
        "num_class": "1",  # of more, LightGBM would write more scores a row than there is room for
        "num_tree_per_iteration": "1",
        "max_feature_idx": str(columns - 1),
        "tree_sizes": " ".join(str(len(f"{_FIRST}{tree}".encode())) for tree in trees),  # where it jumps to
    }
    for name, value in expected.items():
        if told.get(name) != value:
            raise _wrong(f"{name} of its head is not that of its trees")


def _fault(tree: str, columns: int) -> str:
    """What is wrong with a tree of a text, if anything."""
    told = re.search(r"\nnum_leaves=([1-9]\d{0,2})\n", tree)
    leaves = int(told[1]) if told else 0
    if not 1 <= leaves <= _MOST_LEAVES:
        return f"has not 1 to {_MOST_LEAVES} leaves"
    found = _form(leaves).fullmatch(tree)
    if not found:
        return "is not as LightGBM writes one of so many leaves, without categories and linear models"
    features, left, right = ([int(number) for number in part.split()] for part in found.groups())
    if any(not 0 <= feature < columns for feature in features):
        return f"reads a column that is not among the {columns}"
    # Leaves are numbered -1, -2, ..., and every way leads on: to each leaf and node but the first there is one.
    ahead = all(child < 0 or child > node for way in (left, right) for node, child in enumerate(way))
    if leaves > 1 and not (ahead and sorted(left + right) == [*range(-leaves, 0), *range(1, leaves - 1)]):
        return "does not lead to every node and leaf in one way"
    return ""


@cache
def _form(leaves: int) -> re.Pattern[str]:
    """A tree as LightGBM writes it; groups: the columns that nodes read, and where they lead left and right."""

    def listed(one: str, count: int) -> str:
        return f"{one}(?: {one}){{{count - 1}}}" if count else ""

    lines = [r"\d+", f"num_leaves={leaves}", "num_cat=0"]
    for name, one in _BY_NODE.items():
        numbers = listed(one, leaves - 1)
        lines.append(f"{name}=({numbers})" if one is _INTEGER else f"{name}={numbers}")
    for name, one in _BY_LEAF.items():
        # A tree of one leaf need not say how much it holds.
        numbers = listed(one, leaves)
        lines.append(f"{name}=(?:{numbers})?" if leaves == 1 and name != "leaf_value" else f"{name}={numbers}")
    lines += [f"{name}={listed(one, leaves - 1)}" for name, one in _INSIDE.items()]
    lines += ["is_linear=0", f"shrinkage={_NUMBER}", r"\n*"]
    return re.compile("\n".join(lines), re.ASCII)
