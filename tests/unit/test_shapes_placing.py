"""From its first step on a small transformer knows the edges of a clip, even of noise alone."""

import pytest
import torch

from scripts.shapes.beginnings import begin_near, begin_open
from scripts.shapes.placing import EDGES, Rows, begin_placed
from scripts.shapes.training import new_transformer

FRAMES, SIDE = 5, 4
AXES = (3, 3, 2, 2, 1, 1)
"""Of [B, T, H, W]: along which one each flag tells an edge."""


@pytest.fixture(params=["wan22", "wan21"])
def flags(request: pytest.FixtureRequest) -> torch.Tensor:
    """[B, T, H, W, EDGES] after the first block, of tokens that are noise alone."""
    torch.manual_seed(1)
    transformer = new_transformer(request.param)
    channels = transformer.config.in_channels
    used = torch.arange(channels) < 6
    begin_open(transformer, used)
    begin_near(transformer)
    begin_placed(transformer)
    found: list[torch.Tensor] = []
    transformer.blocks[0].register_forward_hook(lambda _block, _given, out: found.append(out))
    noise = torch.randn(4, channels, FRAMES, 2 * SIDE, 2 * SIDE)
    with torch.no_grad():
        transformer(noise, torch.tensor([999.0] * 4), torch.zeros(4, 1, 64))
    first = Rows(transformer.config.attention_head_dim).flags
    return found[0][..., first : first + EDGES].unflatten(1, (FRAMES, SIDE, SIDE))


def test_a_flag_is_down_at_its_edge_alone(flags: torch.Tensor):
    for number, axis in enumerate(AXES):
        flag = flags[..., number].movedim(axis, 0)
        at_edge, inside = (flag[0], flag[1:]) if number % 2 == 0 else (flag[-1], flag[:-1])
        assert at_edge.max() < -0.5
        assert inside.mean() > 0.5
        assert (inside < at_edge.max()).float().mean() < 0.02


def test_no_step_of_training_touches_what_finds_the_edges():
    transformer = new_transformer("wan22")
    begin_placed(transformer)
    assert not any(each.requires_grad for each in transformer.blocks[0].parameters())
    found = transformer(torch.randn(1, 48, 2, 4, 4), torch.tensor([5.0]), torch.zeros(1, 1, 64))[0]
    found.square().sum().backward()
    told = Rows(transformer.config.attention_head_dim).told
    for each in transformer.patch_embedding.parameters():
        assert not each.grad[:told].any()
        assert each.grad[told:].any()
