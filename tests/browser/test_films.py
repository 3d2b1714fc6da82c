"""Films as a browser shows and records them, and as a model gets them: the same."""

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from common.kinds.video import VideoInput
from common.media.videos import VideoLimits, inspect_video
from common.runtime.videos import load_video
from tests.patches import KINDS, Kind, made, seen

LIMITS = VideoLimits(max_pixels=4_000_000, max_seconds=10)
WANTED = VideoInput(fps=24, min_frames=4, max_frames=32, frames_step=4)

SHOWN = """async (address) => {
  const video = document.createElement('video');
  video.muted = video.loop = true;
  video.src = address;
  document.body.append(video);
  await new Promise((done, failed) => {
    video.requestVideoFrameCallback(done);
    video.onerror = () => failed(new Error(video.error.message));
    video.play();
  });
  const page = document.createElement('canvas');
  const [width, height] = [page.width, page.height] = [video.videoWidth, video.videoHeight];
  const draw = page.getContext('2d');
  draw.fillStyle = 'white';
  draw.fillRect(0, 0, width, height);
  draw.drawImage(video, 0, 0, width, height);
  const at = (x, y) => [...draw.getImageData(x * width, y * height, 1, 1).data].slice(0, 3);
  const columns = [0.125, 0.375, 0.625, 0.875];
  return [width, height, [0.25, 0.75].map((y) => columns.map((x) => at(x, y)))];
}"""

RECORDED = """async (kind) => {
  const page = document.createElement('canvas');
  [page.width, page.height] = [320, 240];
  document.body.append(page);
  const draw = page.getContext('2d');
  const recorder = new MediaRecorder(page.captureStream(30), {mimeType: kind});
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.start(200);
  const begun = performance.now();
  while (performance.now() - begun < 1500) {
    draw.fillStyle = 'rgb(200, 40, 40)';
    draw.fillRect(0, 0, 320, 240);
    draw.fillStyle = 'white';
    draw.fillRect((performance.now() / 10) % 320, 0, 9, 9);
    await new Promise(requestAnimationFrame);
  }
  await new Promise((done) => { recorder.onstop = done; recorder.stop(); });
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.goto("about:blank")
    yield page
    page.close()


PLAYED = [kind for kind in KINDS if kind.name.endswith(".webm")]
"""H.264 is not in every build of Chromium."""


@pytest.mark.parametrize("kind", PLAYED, ids=lambda kind: kind.name)
def test_a_model_gets_what_a_browser_shows(tmp_path: Path, page: Page, kind: Kind):
    """Shape and colours of the same file."""
    path = made(tmp_path, kind)
    data = base64.b64encode(path.read_bytes()).decode()
    width, height, colours = page.evaluate(SHOWN, f"data:video/webm;base64,{data}")
    with path.open("rb") as file:
        info = inspect_video(file.fileno(), LIMITS, WANTED)
    assert (info.width, info.height) == (width, height)
    if kind.exact_in_chromium:
        (frame,) = load_video(path, num_frames=1, width=128, height=64, fps=24)
        assert np.abs(seen(frame) - np.array(colours)).max() <= 3


@pytest.mark.parametrize("codec", ["vp8", "vp9", "av1"])
def test_what_a_browser_records_is_taken(tmp_path: Path, page: Page, codec: str):
    """A file of a recorder that streams: it ends with no word of its length."""
    kind = f"video/webm;codecs={codec}"
    if not page.evaluate("(kind) => MediaRecorder.isTypeSupported(kind)", kind):
        pytest.skip(f"this Chromium does not record {codec}")
    path = tmp_path / "a.webm"
    path.write_bytes(base64.b64decode(page.evaluate(RECORDED, kind)))
    with path.open("rb") as file:
        info = inspect_video(file.fileno(), LIMITS, WANTED)
    assert (info.width, info.height) == (320, 240)
    assert info.num_frames >= WANTED.min_frames
    assert info.seconds > 0
    frames = load_video(path, num_frames=info.num_frames, width=32, height=24, fps=24)
    assert np.abs(frames[:, 20, 16].astype(int) - (200, 40, 40)).max() <= 8
