"""Muon: momentum whose update is made orthogonal, for the matrices of the layers.

Every direction of a matrix then learns at the same pace, which suits the look-up (a near-identity match over all names):
in 300 steps from the same checkpoint the mass on the frontier at thought 2 rose from 0.68 to 0.80, where AdamW stood still.

`torch.optim.Muon` iterates in bfloat16, which on a CPU without that format costs 1.4 s a step for this model against 0.06 s
in float32; so the iteration is written out here, with that optimiser's coefficients and its "match_rms_adamw" scale.
"""

from __future__ import annotations

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # quintic Newton-Schulz, as in torch.optim.Muon


def orthogonalise(matrix: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """(rows, columns) -> a matrix with the same singular vectors and singular values near one (0.7 ... 1.2)."""
    a, b, c = COEFFICIENTS
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.T


class Muon(torch.optim.Optimizer):
    """For two-dimensional parameters; learning rate and weight decay on the scale of AdamW's."""

    def __init__(self, params, lr: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.01):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                update = orthogonalise(p.grad.lerp(state["momentum"], group["momentum"]))  # Nesterov
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-0.2 * group["lr"] * max(p.shape) ** 0.5)
