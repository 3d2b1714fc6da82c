"""The set of moving shapes: what is drawn is found again, and every caption can be read."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scripts.shapes.captions import Told, any_caption, english, portuguese
from scripts.shapes.clips import Encoded
from scripts.shapes.linear_code import fit
from scripts.shapes.look import look
from scripts.shapes.muon import Muon, orthogonal
from scripts.shapes.scenes import (
    PIXELS_A_FRAME,
    PLAINLY,
    TRAINED,
    Background,
    Colour,
    Direction,
    Scene,
    Shape,
    Speed,
    any_of,
    any_scene,
    draw,
    kept_back,
    path_of,
    plain_scene,
)
from scripts.shapes.sheet import contact_sheet
from scripts.shapes.words import tokenizer

SIZE = (9, 128, 128)


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("background", Background)
def test_what_is_drawn_is_found(shape: Shape, background: Background):
    chance = np.random.default_rng(1)
    for colour, direction in zip(itertools.cycle(Colour), Direction, strict=False):
        scene = Scene(shape, colour, direction, any_of(Speed, chance), background)
        found = look(draw(scene, path_of(scene, SIZE, chance), SIZE))
        assert found is not None
        seen = (found.shape, found.colour, found.direction, found.background)
        assert seen == (shape, colour, direction, background)
        assert found.overlap > 0.9


def test_nothing_is_found_in_noise_and_in_a_plain_picture():
    noise = np.random.default_rng(1).integers(0, 255, (*SIZE, 3), np.uint8)
    assert look(noise) is None
    assert look(np.zeros((*SIZE, 3), np.uint8)) is None


def test_the_middle_is_where_it_was_drawn():
    chance = np.random.default_rng(2)
    scene = Scene(Shape.CIRCLE, Colour.BLUE, Direction.DOWN_RIGHT, Speed.FAST)
    path = path_of(scene, SIZE, chance)
    found = look(draw(scene, path, SIZE))
    assert found is not None
    assert np.abs(found.centres - path.centres).max() < 0.1
    assert found.pixels_a_frame == pytest.approx(PIXELS_A_FRAME[Speed.FAST], abs=0.05)


def test_captions_say_what_they_are_told_to():
    scene = Scene(Shape.STAR, Colour.RED, Direction.UP_LEFT, Speed.SLOW, Background.WHITE)
    everything = Told(speed=True, background=True)
    assert english(scene) == "a red star moves up and to the left"
    assert portuguese(scene) == "uma estrela vermelha vai para cima e para a esquerda"
    assert english(scene, everything).endswith("slowly on a white background")
    assert "vermelh" not in portuguese(scene, Told(colour=False))
    assert portuguese(Scene(Shape.STAR, Colour.RED, Direction.STILL)).endswith("está parada")


def test_every_caption_is_read_word_by_word():
    chance, words = np.random.default_rng(3), tokenizer()
    for _ in range(300):
        caption = any_caption(any_scene(chance), chance)
        assert len(words.tokenize(caption)) == len(caption.split()), caption
        assert words.unk_token_id not in words(caption)["input_ids"]


def test_a_word_that_no_caption_has_is_read_by_its_letters():
    assert tokenizer().tokenize("kite")[1:] == ["k", "i", "t", "e"]


def test_one_combination_in_eight_is_kept_back_of_every_kind():
    kept = [each for each in itertools.product(Shape, TRAINED, Direction) if kept_back(*each)]
    assert 20 <= len(kept) <= 34
    for part, kind in enumerate((Shape, TRAINED, Direction)):
        assert {each[part] for each in kept} == set(kind)
    chance = np.random.default_rng(4)
    scenes = [any_scene(chance) for _ in range(500)]
    assert not any(kept_back(each.shape, each.colour, each.direction) for each in scenes)


def test_the_linear_code_says_the_same_of_a_frame_and_of_four_like_it():
    torch.manual_seed(5)
    clips = torch.rand(60, 3, 4, 16, 16)
    code = fit(clips, 8, 16)
    frame = clips[:1, :, :1]
    still = code.encode(frame.repeat(1, 1, 5, 1, 1))
    assert still.shape == (1, 16, 2, 2, 2)
    torch.testing.assert_close(still[:, :, 0], still[:, :, 1], atol=1e-5, rtol=0)


def test_muon_brings_all_singular_values_near_one():
    matrix = torch.randn(24, 60, generator=torch.Generator().manual_seed(6))
    values = torch.linalg.svdvals(orthogonal(matrix))
    assert 0.6 < values.min() < values.max() < 1.3


def test_a_contact_sheet_shows_the_first_and_the_last(tmp_path: Path):
    frames = np.zeros((17, 8, 8, 3), np.uint8)
    frames[0], frames[-1] = 50, 200
    sheet = np.asarray(Image.open(contact_sheet(frames, tmp_path / "sheet.png")))
    assert sheet.shape == (20, 44, 3)
    assert sheet[0, 0, 0] == 50
    assert sheet[-1, -1, 0] == 200


def test_what_a_training_begins_with_is_of_one_colour_and_of_every_way():
    chance = np.random.default_rng(8)
    scenes = [plain_scene(chance) for _ in range(200)]
    assert {(each.colour, each.background) for each in scenes} == {PLAINLY}
    assert {each.direction for each in scenes} == set(Direction)
    assert {each.shape for each in scenes} == set(Shape)
    assert not any(kept_back(each.shape, each.colour, each.direction) for each in scenes)
    clips = Encoded(torch.arange(4.0), [scenes[0], any_scene(chance), scenes[1], scenes[2]])
    assert clips.plain().latents.tolist() == [0, 2, 3]


def test_decay_holds_what_no_gradient_moves():
    weight = torch.nn.Parameter(torch.ones(4, 4))
    optimizer = Muon([weight, torch.nn.Parameter(torch.ones(4))], 0.1, 0.1, decay=0.5)
    weight.grad = torch.zeros(4, 4)
    optimizer.step(1.0)
    torch.testing.assert_close(weight, torch.full((4, 4), 0.95))
