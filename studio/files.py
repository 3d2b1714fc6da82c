"""The files of a finished job's folder."""

from common.contract import PublishedFile

VIDEO = PublishedFile(
    name="video.mp4",
    media_type="video/mp4",
    noun="MP4",
    route="download",
    summary="Download what was made",
    description="The MP4, of a transcript SRT, of clips a ZIP. `Range` works.",
)
SEGMENTS = PublishedFile(
    name="segments.srt", media_type="application/x-subrip", noun="SRT", route="download"
)
CLIPS = PublishedFile(name="clips.zip", media_type="application/zip", noun="ZIP", route="download")
CAPTIONS = tuple(
    PublishedFile(
        name=name,
        media_type=media_type,
        noun=noun,
        route=route,
        summary=summary,
        optional=True,
        told_by="has_captions",
        missing="There are no captions: nothing was heard for this job.",
    )
    for name, media_type, noun, route, summary in (
        (SEGMENTS.name, SEGMENTS.media_type, "SRT", "segments.srt", "Captions as SubRip"),
        ("captions.vtt", "text/vtt", "WebVTT", "captions.vtt", "Captions as WebVTT"),
        ("karaoke.ass", "text/x-ssa", "ASS", "karaoke.ass", "Captions word by word, as ASS"),
        ("words.json", "application/json", "JSON", "words.json", "Every word and its time"),
        ("transcript.txt", "text/plain", "text", "transcript.txt", "What was said, as text"),
    )
)
KEPT = tuple(
    PublishedFile(name=f"upload.{ending}", media_type=media_type, noun=noun, route="download")
    for ending, media_type, noun in (
        ("mp4", "video/mp4", "MP4"),
        ("webm", "video/webm", "WebM"),
        ("wav", "audio/wav", "WAV"),
        ("mp3", "audio/mpeg", "MP3"),
        ("ogg", "audio/ogg", "Ogg"),
        ("flac", "audio/flac", "FLAC"),
        ("aac", "audio/aac", "AAC"),
        ("aiff", "audio/aiff", "AIFF"),
        ("ass", "text/x-ssa", "ASS"),
        ("txt", "text/plain", "text"),
        ("png", "image/png", "PNG"),
        ("jpeg", "image/jpeg", "JPEG"),
        ("webp", "image/webp", "WebP"),
        ("gif", "image/gif", "GIF"),
        ("avif", "image/avif", "AVIF"),
        ("heif", "image/heif", "HEIF"),
        ("bmp", "image/bmp", "BMP"),
    )
)
"""What a client sent, as it came."""
WORDS = next(file for file in CAPTIONS if file.name == "words.json")
FILES = (VIDEO, SEGMENTS, CLIPS, *KEPT, *CAPTIONS)


def kept_name(ending: str) -> str:
    """Of a file that was sent, by the ending that its format has here."""
    return next(file.name for file in KEPT if file.name == f"upload.{ending}")
