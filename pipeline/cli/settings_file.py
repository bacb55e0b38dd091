"""Where the settings file is found if neither ``--config`` nor its variable names one.

The data directory comes first, so that several stores on one machine can have settings of their
own; then the platform's folder for configuration. The first file is used alone: two files that
are merged would be two places to search for the cause of a value.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import click

from pipeline.cli.streams import PROGRAM
from pipeline.errors import SettingsError

FILE_NAME = "settings.toml"


def places(data_dir: str) -> tuple[Path, ...]:
    """The paths that are tried, in order. An object store holds no settings."""
    folders = [] if "://" in data_dir else [os.path.expanduser(data_dir)]  # noqa: PTH111 - Path's raises for an unknown ~user
    return tuple(Path(folder, FILE_NAME) for folder in (*folders, click.get_app_dir(PROGRAM)))


def find(data_dir: str) -> Path | None:
    """The first of :func:`places` that exists.

    A folder that this user may not enter has no file for them: a service without access to the
    home folder runs with its defaults.

    Raises:
        SettingsError: another user could have written the file.
    """
    path = next((place for place in places(data_dir) if os.path.lexists(place)), None)
    if path is not None:
        _check_owner(path)
    return path


def _check_owner(path: Path) -> None:
    """A file that was not named could be another user's, and send the key to their machine.

    Writing by a group is allowed: many systems give each user a group of their own, and the files
    they make belong to it.
    """
    try:
        info = path.stat()
    except OSError:  # reading it reports why
        return
    if info.st_uid not in {0, os.geteuid()} or stat.S_IMODE(info.st_mode) & stat.S_IWOTH:
        raise SettingsError(
            f"{path}: another user can change this settings file, so it is not read; "
            "make it yours (chown, chmod o-w), or name it with --config"
        )
