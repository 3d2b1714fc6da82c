"""Every setting, read once at an entry point and frozen."""

from common.base.settings.service import GIB as GIB
from common.base.settings.service import MIB as MIB
from common.base.settings.service import Settings as Settings
from common.base.settings.service import SettingsError as SettingsError
from common.base.settings.service import load_settings as load_settings
