"""The optimiser of training: Muon for the matrices and convolutions inside the network, AdamW for the rest.

Muon makes each matrix's update orthogonal (Newton-Schulz iteration on the momentum), which on small networks trained
from nothing takes far fewer steps than AdamW. Source: Keller Jordan, "Muon" (2024); the scale that matches AdamW's
step size is from Liu et al., "Muon is scalable for LLM training" (2025).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """(rows, columns) -> a matrix of the same row and column space whose singular values are all near 1."""
    a, b, c = COEFFICIENTS
    wide = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if wide else matrix) / (matrix.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if wide else x


class Muon(torch.optim.Optimizer):
    """One optimiser for both kinds of parameters; learning rates are AdamW's for both."""

    def __init__(self, model: nn.Module, rate: float, decay: float = 0.02) -> None:
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        matrices = [p for name, p in named if _inner(name, p)]
        others = [p for name, p in named if not _inner(name, p)]
        groups = [{"params": matrices, "muon": True}, {"params": others, "muon": False}]
        super().__init__(groups, {"lr": rate, "decay": decay, "betas": (0.9, 0.98), "momentum": 0.95})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            update = self._matrix if group["muon"] else self._adam
            for parameter in _with_gradient(group["params"]):
                parameter.mul_(1 - group["lr"] * group["decay"] * (parameter.ndim > 1))
                parameter.sub_(update(parameter, group), alpha=group["lr"])

    def _matrix(self, parameter: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[parameter]
        grad = parameter.grad
        assert grad is not None
        momentum = state.setdefault("momentum", torch.zeros_like(parameter)).lerp_(grad, 1 - group["momentum"])
        flat = grad.lerp(momentum, group["momentum"]).flatten(1)
        return (orthogonal(flat) * 0.2 * max(flat.shape) ** 0.5).view_as(parameter)

    def _adam(self, parameter: Tensor, group: dict[str, Any]) -> Tensor:
        state, grad, (b1, b2) = self.state[parameter], parameter.grad, group["betas"]
        assert grad is not None
        first = state.setdefault("first", torch.zeros_like(parameter)).lerp_(grad, 1 - b1)
        second = state.setdefault("second", torch.zeros_like(parameter)).lerp_(grad.square(), 1 - b2)
        state["steps"] = state.get("steps", 0) + 1
        return first / (1 - b1 ** state["steps"]) / ((second / (1 - b2 ** state["steps"])).sqrt() + 1e-8)


def _inner(name: str, parameter: Tensor) -> bool:
    """Whether Muon is for it: a dense matrix or convolution that is neither an embedding nor a small head."""
    heads = (
        "embed.weight",
        "position.weight",
        "kind.weight",
        "gone.",
        "decoder.match",
        "relation.",
        "connector.elements",
    )
    return (
        parameter.ndim >= 2
        and parameter.flatten(1).shape[1] > 40
        and min(parameter.flatten(1).shape) > 16
        and not any(head in name for head in heads)
    )


def _with_gradient(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [p for p in parameters if p.grad is not None]
