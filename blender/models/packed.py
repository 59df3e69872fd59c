"""Linear maps whose weights lie as the processor multiplies them (oneDNN), laid out once instead of at every pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

_ROWS = 8  # of the inputs the layout is chosen for: few, since many rows repay any layout


def packed(
    weight: torch.Tensor, bias: torch.Tensor | None = None, then: Literal["none", "gelu"] = "none"
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the map ``x -> x @ weight.T + bias`` for inference, where this build of torch can with a packed weight.

    Args:
        weight: (outputs, inputs), on the CPU; copied, so a later change of it is not seen.
        bias: (outputs,) in the dtype of the weight.
        then: what is done to the outputs while they are in the registers; ``gelu`` is the exact one.

    Returns:
        A function of (..., inputs), contiguous and of the weight's dtype, that gives (..., outputs). It has no
        gradient. Where the operators are absent or refuse the weight it is ``torch.nn.functional.linear``.
    """
    import torch
    from torch.nn.functional import gelu, linear

    weight = weight.detach()
    if weight.dtype.is_floating_point and weight.device.type == "cpu":
        try:
            with torch.inference_mode():
                laid = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _ROWS)
                run = partial(_pointwise, torch.ops.mkldnn._linear_pointwise.default, laid, bias, then)
                run(weight.new_zeros(2, weight.shape[1]))
        except (AttributeError, RuntimeError):  # another build of torch, or a processor without this format
            pass
        else:
            return run
    if then == "gelu":
        return lambda x: gelu(linear(x, weight, bias))
    return partial(linear, weight=weight, bias=bias)


def gated(
    gate: torch.Tensor, up: torch.Tensor, gate_bias: torch.Tensor | None = None, up_bias: torch.Tensor | None = None
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return ``x -> silu(x @ gate.T + gate_bias) * (x @ up.T + up_bias)`` (SwiGLU, Shazeer 2020, arXiv:2002.05202).

    Both weights (outputs, inputs) lie as in ``packed``, and gating happens while the products are in the registers;
    in another build of torch it follows them.
    """
    import torch
    from torch.nn.functional import linear, silu

    gate, up = gate.detach(), up.detach()
    try:
        with torch.inference_mode():
            laid = [torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _ROWS) for weight in (gate, up)]
            run = partial(_gated, laid[0], gate_bias, laid[1], up_bias)
            run(gate.new_zeros(2, gate.shape[1]))
    except (AttributeError, RuntimeError):
        return lambda x: silu(linear(x, gate, gate_bias)) * linear(x, up, up_bias)
    return run


def _gated(
    gate: torch.Tensor, gate_bias: torch.Tensor | None, up: torch.Tensor, up_bias: torch.Tensor | None, x: torch.Tensor
) -> torch.Tensor:
    import torch

    operator = torch.ops.mkldnn._linear_pointwise
    opened = operator.default(x, gate, gate_bias, "swish", [], "")
    found: torch.Tensor = operator.binary(x, opened, up, up_bias, "mul")
    return found


def _pointwise(
    operator: Callable[..., torch.Tensor], weight: torch.Tensor, bias: torch.Tensor | None, then: str, x: torch.Tensor
) -> torch.Tensor:
    return operator(x, weight, bias, then, [], "none")
