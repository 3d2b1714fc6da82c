"""What the API process imports of the media code must cost it next to nothing."""

import subprocess
import sys

HEAVY = """
import sys
import common.media.inputs, common.publishing.storage, common.media.videos
print(sorted({"av", "numpy", "PIL", "cv2", "imageio_ffmpeg", "torch"} & set(sys.modules)))
"""


def test_the_api_side_imports_nothing_heavy():
    said = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, check=True).stdout
    assert said.decode().strip() == "[]"
