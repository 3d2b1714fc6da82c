"""docs/checkpoints.md: each checkpoint has its row, with the numbers of its variant and listing."""

import re

import pytest

from tests.checkpoints.cases import Case, cases
from tests.checkpoints.listing import listing
from tests.checkpoints.test_downloads import GB, fetched, size_of
from tests.live import ROOT

CASES = cases(adapters=True)
LORA_BYTES = 0.7 * GB
"""Of one whose size the listing does not know."""
CLIP_SHARE = 0.02
"""Of a download; how large the image encoder's file is, the listing does not know."""


def rows() -> list[tuple[str, list[str]]]:
    """Service, and the cells of each row."""
    found, service = [], ""
    for line in (ROOT / "docs" / "checkpoints.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| **"):
            service = re.findall(r"`(.+?)`", cells[0])[0]
        elif line.startswith("| `"):
            found.append((f"{service}:{cells[0].strip('`')}", cells))
    return found


def test_each_has_one_row_in_the_services_order():
    assert [name for name, _ in rows()] == [case.name for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_its_numbers_are_right(case: Case):
    _, download, _, makes, sampling = dict(rows())[case.name]
    variant, known = case.variant, listing(case.variant.checkpoint)
    size = size_of(known, fetched(list(known.files), variant))
    for file in variant.adapter.files if variant.adapter else ():
        size += listing(variant.adapter.repository).files[file] or LORA_BYTES
    if variant.extra and variant.extra.repository != variant.checkpoint:
        size += variant.extra.size_bytes
    assert float(download.removesuffix(" GB")) * GB == pytest.approx(size, rel=CLIP_SHARE)
    defaults = variant.defaults
    numbers = [defaults.num_inference_steps, defaults.guidance_scale, defaults.guidance_scale_2]
    wanted = [f"{number:g}" for number in numbers if number is not None]
    assert re.findall(r"[\d.]+", sampling) in (wanted, wanted[:2])
    if sides := re.findall(r"(\d{3})p", makes):
        height = int(sides[0])
        assert variant.limits.max_pixels == height * {480: 832, 704: 1280, 720: 1280}[height]
