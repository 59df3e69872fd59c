"""One label from several raters, in the training format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from blender.judging.pools import LabelledPool
from blender.judging.rows import LabelRow
from blender.labelling.campaign import Campaign
from blender.labelling.records import Label

Method = Literal["majority", "mean", "dawid-skene", "mace"]


def label_rows(
    campaign: Campaign, labels: Sequence[Label], method: Method = "majority", *, seed: int = 0
) -> list[LabelRow]:
    """Labels put together, one row per item and system."""
    raise NotImplementedError


def labelled_pools(
    campaign: Campaign, labels: Sequence[Label], method: Method = "majority", *, seed: int = 0
) -> list[LabelledPool]:
    """The same as pools, the input of all scoring."""
    raise NotImplementedError
