"""MAGI-1's transformer, schedule and guidance against SandAI's own code, in float32 on a CPU.

Every folder below ``MAGI1_PARITY_DIR`` is run; see tests/magi1_cases.py for their form.
"""

from pathlib import Path

import pytest

from tests.magi1_cases import TOLERANCE, case_folders, run_case


@pytest.mark.parametrize("folder", case_folders(), ids=lambda folder: folder.name)
def test_velocities_and_chunks_equal_the_official_ones(folder: Path) -> None:
    differences = run_case(folder)
    print(f"{folder.name}: largest difference {differences.worst:.2e}")
    assert not differences.wrong
    assert max(differences.largest.values()) <= TOLERANCE, differences.largest
    assert differences.agrees
