"""The state of an optimiser as named tensors, for checkpoints."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def optimiser_tensors(name: str, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return moments and step counts as ``name.<parameter>.<field>``."""
    return {
        f"{name}.{index}.{key}": torch.as_tensor(value)
        for index, moments in optimiser.state_dict()["state"].items()
        for key, value in moments.items()
    }


def load_optimiser(
    name: str, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Restore what :func:`optimiser_tensors` returned under the same name, if it is there."""
    moments: dict[int, dict[str, Tensor]] = {}
    parameters = optimiser.param_groups[0]["params"]
    for key, value in below(tensors, name).items():
        index, field = key.split(".")
        like = parameters[int(index)]
        if value.shape == like.shape:  # the fused update needs the parameter's layout
            copy = torch.empty_like(like, memory_format=torch.preserve_format)
            value = copy.copy_(value)
        moments.setdefault(int(index), {})[field] = value
    if moments:
        optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})


def below(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the tensors called ``name.<rest>`` by their rest."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
