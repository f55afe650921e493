"""Settings: read once, validated, passed on as values."""

from relaypost.config.settings import SettingError, Settings, read_setting, read_settings
from relaypost.config.table import TABLE, Setting

__all__ = ["TABLE", "Setting", "SettingError", "Settings", "read_setting", "read_settings"]
