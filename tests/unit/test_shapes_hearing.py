"""A small transformer hears every word of a prompt, and none of what the pipelines pad it with."""

import numpy as np
import pytest
import torch

from scripts.shapes import understanding
from scripts.shapes.beginnings import hold_rows
from scripts.shapes.hearing import begin_hearing
from scripts.shapes.muon import Muon
from scripts.shapes.reading import Reading
from scripts.shapes.training import new_transformer
from scripts.shapes.understanding import begin_understanding

TEXT_TOKENS = 512
"""The pipelines pad prompts to so many with zeros, and let them be attended to."""
CAPTIONS = ["a red circle moves left", "", "uma estrela azul fica onde está"]


@pytest.mark.parametrize("name", ["wan22", "wan21"])
@torch.no_grad()
def test_padding_makes_no_difference(name: str):
    torch.manual_seed(7)
    transformer = new_transformer(name).eval()
    begin_hearing(transformer)
    channels = transformer.config.in_channels
    latents, moment = torch.randn(3, channels, 2, 4, 4), torch.full((3,), 500)
    short, words = Reading().embeds(CAPTIONS)
    assert not short[words == 0].any()
    whole = torch.zeros(3, TEXT_TOKENS, short.shape[2])
    whole[:, : short.shape[1]] = short
    found = transformer(latents, moment, short, return_dict=False)[0]
    wanted = transformer(latents, moment, whole, return_dict=False)[0]
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    short[0, 1] *= -1
    changed = transformer(latents, moment, short, return_dict=False)[0]
    assert (changed[0] - found[0]).abs().max() > 1e-3
    torch.testing.assert_close(changed[1:], found[1:])


def test_what_is_taught_is_not_trained_any_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(understanding, "STEPS", 2)
    transformer, reading = new_transformer("wan22"), Reading()
    begin_hearing(transformer)
    right = begin_understanding(reading, transformer, np.random.default_rng(1))
    assert 0 <= right < 0.5
    embedder = transformer.condition_embedder.text_embedder
    held = [*reading.text_encoder.parameters(), *embedder.parameters()]
    assert not any(each.requires_grad for each in held)


def test_what_is_held_outlasts_a_decay():
    """Decay takes from all of a matrix: without an own care for them, the rows were gone."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(8, 8)
    hold_rows(layer, 3)
    before = layer.weight.detach().clone()
    optimizer = Muon(layer.parameters(), 0.1, 0.01, decay=0.5)
    for _ in range(50):
        layer(torch.randn(4, 8)).square().mean().backward()
        optimizer.step(1.0)
    assert torch.allclose(layer.weight[:3], before[:3], atol=0.06 * float(before.abs().max()))
    assert (layer.weight[3:] - before[3:]).abs().max() > 0.1
