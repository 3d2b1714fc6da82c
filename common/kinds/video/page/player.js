// The finished video that is shown, and the frame at which it stands.

let shown = null; // {id, frames, fps, video}

/** This element plays the video of a job. */
export function plays({ id, result: { num_frames: frames, fps } }, video) {
  shown = { id, frames, fps, video };
  return video;
}

/** {frame: {job, frame}, picture()}, the picture as a file to look at; null where no video is shown. */
export function frame() {
  if (!shown?.video.isConnected || !shown.video.videoWidth) return null;
  const { id: job, frames, fps, video } = shown;
  // A seek ends at a frame's first moment or, by rounding, just before it.
  const at = Math.min(Math.floor(video.currentTime * fps + 0.01), frames - 1);
  return { frame: { job, frame: at }, picture: () => pictureOf(video) };
}

function pictureOf(video) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((answer) => canvas.toBlob(answer));
}
