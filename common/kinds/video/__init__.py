"""Videos from words, pictures and videos. Named here: what a video model is written against."""

from common.kinds.video.kind import VIDEO_KIND as VIDEO_KIND
from common.kinds.video.options import VideoOptions as VideoOptions
from common.kinds.video.resolved import ResolvedRequest as ResolvedRequest
from common.kinds.video.variants import Capability as Capability
from common.kinds.video.variants import Defaults as Defaults
from common.kinds.video.variants import Limits as Limits
from common.kinds.video.variants import Preset as Preset
from common.kinds.video.variants import VideoVariant as VideoVariant
from common.media.clip import AudioTrack as AudioTrack
from common.media.clip import VideoClip as VideoClip
from common.media.clip import VideoInput as VideoInput
