"""The optimiser Muon (Jordan et al. 2024), for convolutions and CUDA graphs.

``torch.optim.Muon`` takes matrices only, one at a time, and reads its learning rate on the host.
Tests hold this one to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the Newton-Schulz iteration; its limit has singular values of about 0.7 to 1.2."""
ITERATIONS = 5


def orthogonalised(matrices: Tensor) -> Tensor:
    """Return ``matrices`` (n, rows, columns) with all singular values near 1."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def _matrix(weight: Tensor) -> Tensor:
    """Return ``weight`` as a matrix (outputs, inputs); that of a convolution as it is stored."""
    return weight if weight.ndim == 2 else weight.permute(0, 2, 3, 1).flatten(1)


class Muon(torch.optim.Optimizer):
    """Steps in the direction of the gradient's momentum, with all singular values made equal.

    Steps are scaled so that learning rates compare with those of Adam (Liu et al. 2025, arXiv
    2502.16982). ``params`` are weights of linear layers and of convolutions inside a network;
    other parameters need another optimiser. ``dtype`` is that of the iteration.
    """

    dtype = torch.float32

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float | Tensor, *, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update the parameters that have gradients; weights of one shape are updated together."""
        assert closure is None
        for group in self.param_groups:
            alike: dict[torch.Size, list[nn.Parameter]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    alike.setdefault(_matrix(weight).shape, []).append(weight)
            for shape, weights in alike.items():
                directions = torch.stack([self._direction(w, group["momentum"]) for w in weights])
                made = orthogonalised(directions.to(self.dtype)).float()
                made *= group["lr"] * (0.2 * max(shape) ** 0.5)
                for weight, change in zip(weights, made, strict=True):
                    if weight.ndim == 2:
                        weight.sub_(change)
                    else:
                        outputs, inputs, *sides = weight.shape
                        weight.sub_(change.view(outputs, *sides, inputs).permute(0, 3, 1, 2))

    def _direction(self, weight: nn.Parameter, momentum: float) -> Tensor:
        """Return Nesterov's momentum of a weight as a matrix."""
        assert weight.grad is not None
        gradient, state = _matrix(weight.grad), self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(gradient, memory_format=torch.contiguous_format)
        mean = state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(mean, momentum)
