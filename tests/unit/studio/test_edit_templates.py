"""Templates of edits: ours, and an operator's."""

import logging
from pathlib import Path
from typing import Any

import pytest

from common.base.errors import Unresolvable
from studio.operations.edit.plan import EditPlan
from studio.operations.edit.resolving import resolve
from studio.operations.edit.task import Edit
from studio.operations.edit.templates.folder import PACKAGED, EditTemplates
from tests.unit.studio.test_edit_plans import FILM

OURS = EditTemplates(PACKAGED)


def plan_of(**fields: Any) -> EditPlan:
    task = OURS.filled(Edit.model_validate(fields))
    plan = resolve(task, {"video": FILM}).plan
    assert isinstance(plan, EditPlan)
    return plan


def test_a_template_sets_what_is_left_out() -> None:
    plan = plan_of(template="reels")
    assert (plan.width, plan.height, plan.fit, plan.loudness) == (1080, 1920, "crop", -14)
    assert plan.silence is not None
    own = plan_of(template="reels", aspect="1:1", loudness=-20, silence={"method": "none"})
    assert (own.width, own.height, own.loudness, own.silence) == (1080, 1080, -20, None)


def test_all_of_ours_can_be_used(caplog: pytest.LogCaptureFixture) -> None:
    names = [template.name for template in OURS.all()]
    assert len(names) == len(list(PACKAGED.glob("*"))) >= 4
    for name in names:
        assert plan_of(template=name).needs_model is ("captions" in name)
        assert not plan_of(template=name, captions="none").needs_model
    assert caplog.text == ""


def test_what_is_told_of_a_template_is_a_request() -> None:
    """Its values, sent by themselves, make the same."""
    for template in OURS.all():
        assert plan_of(**template.said) == plan_of(template=template.name)
        assert None not in template.said.values()


def test_an_operators_folder_is_in_place_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    head = "description: Ours.\nvalues:"
    (tmp_path / "bars.yaml").write_text(f'name: bars\n{head} {{aspect: "4:5", fit: pad}}')
    (tmp_path / "odd.yaml").write_text(f"name: odd\n{head} {{aspect: 3:1}}")
    (tmp_path / "more.yaml").write_text(f"name: more\n{head} {{video: 'https://a.example/b'}}")
    with caplog.at_level(logging.WARNING):
        found = EditTemplates(tmp_path)
        assert [template.said for template in found.all()] == [{"aspect": "4:5", "fit": "pad"}]
    assert [record.__dict__["file"] for record in caplog.records] == ["more.yaml", "odd.yaml"]
    with pytest.raises(Unresolvable) as refused:
        found.filled(Edit(template="reels"))
    assert refused.value.body.param == "template"
    assert refused.value.body.hint == "The templates: bars. GET /video/templates shows them."
