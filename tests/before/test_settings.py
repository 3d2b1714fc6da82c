"""What operators have set: every setting is still there, and means the same."""

import json

from tests.before.documents import SETTINGS, differences, settings


def test_every_setting_is_there_with_its_type_and_default():
    before, now = json.loads(SETTINGS.read_text()), settings()
    kept = {name: now[name] for name in before if name in now}
    assert not list(differences(before, kept)), "new ones may come, none may go or change"


def test_a_setting_may_take_more_values_and_none_goes():
    before = {"A_SETTING": {"enum": ["x", "y"]}}
    assert not list(differences(before, {"A_SETTING": {"enum": ["x", "z", "y"]}}))
    for values in (["x"], ["x", "z"], ["x", "z", "w"]):
        assert list(differences(before, {"A_SETTING": {"enum": values}}))
