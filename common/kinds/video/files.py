"""The files of a finished video's folder."""

from common.contract import PublishedFile

VIDEO = PublishedFile(
    name="video.mp4",
    media_type="video/mp4",
    noun="MP4",
    route="download",
    summary="Download the video",
    description="The MP4. `Range` works, so players can seek and downloads can go on.",
)
THUMBNAIL = PublishedFile(
    name="thumbnail.jpg",
    media_type="image/jpeg",
    route="thumbnail",
    summary="The video's picture",
    description="The middle frame as a JPEG, at most 512 pixels wide or high.",
    optional=True,
    missing="This video has no thumbnail: it could not be made.",
)
SPRITESHEET = PublishedFile(name="spritesheet.jpg", media_type="image/jpeg")
"""Made when somebody first asks for it."""
