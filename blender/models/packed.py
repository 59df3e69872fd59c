"""Linear maps whose weights lie as the processor multiplies them (oneDNN), laid out once instead of at every pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_ROWS = 8  # of the inputs the layout is chosen for: few, since many rows repay any layout


def packed(weight: torch.Tensor, bias: torch.Tensor | None = None) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the map ``x -> x @ weight.T + bias`` for inference, where this build of torch can with a packed weight.

    Args:
        weight: (outputs, inputs), on the CPU; copied, so a later change of it is not seen.
        bias: (outputs,) in the dtype of the weight.

    Returns:
        A function of (..., inputs), contiguous and of the weight's dtype, that gives (..., outputs). It has no
        gradient. Where the operators are absent or refuse the weight it is ``torch.nn.functional.linear``.
    """
    import torch
    from torch.nn.functional import linear

    weight = weight.detach()
    if weight.dtype.is_floating_point and weight.device.type == "cpu":
        try:
            with torch.inference_mode():
                laid = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _ROWS)
                run = partial(_pointwise, torch.ops.mkldnn._linear_pointwise.default, laid, bias)
                run(weight.new_zeros(2, weight.shape[1]))
        except (AttributeError, RuntimeError):  # another build of torch, or a processor without this format
            pass
        else:
            return run
    return partial(linear, weight=weight, bias=bias)


def _pointwise(
    operator: Callable[..., torch.Tensor], weight: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor
) -> torch.Tensor:
    return operator(x, weight, bias, "none", [], "")
