"""Requests to show, and the one that stands for what cannot be read."""

from collections.abc import Mapping
from typing import Any

from studio.operations.sound import AddAudio, AddAudioPlan
from studio.requests import ResolvedStudio

_JOB = "0123456789abcdef0123456789abcdef"
BATCHES: Mapping[str, Any] = {
    "requests": {
        "summary": "The same music under two videos",
        "value": {
            "requests": [
                {
                    "task": {
                        "operation": "addaudio",
                        "video": {"job": _JOB},
                        "audio": {"job": _JOB},
                        "fit": "loop",
                    }
                }
            ]
        },
    }
}
NOTHING = ResolvedStudio(task=AddAudio(), plan=AddAudioPlan())
