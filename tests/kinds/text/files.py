"""The file of a finished text's folder."""

from common.contract import PublishedFile

TEXT = PublishedFile(
    name="text.txt",
    media_type="text/plain",
    noun="text",
    route="download",
    summary="Download the text",
    description="UTF-8.",
)
