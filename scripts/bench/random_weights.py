"""Random weights and inputs of a size that makes errors comparable to those of trained ones."""

import torch
from torch import nn


def randomized(block: nn.Module) -> nn.Module:
    """Weights of standard deviation 1/sqrt(fan_in): variance passes through, as in trained ones."""
    for module in block.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.02)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight)
    return block.to(torch.bfloat16).eval().requires_grad_(False)


def noise(*shape: int, scale: float = 1.0) -> torch.Tensor:
    """Normally distributed, in bfloat16."""
    return (torch.randn(shape) * scale).to(torch.bfloat16)
