"""Reads TOML files that people write: settings, exclusions, owners."""

from __future__ import annotations

import logging
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

from pipeline.errors import SettingsError

logger = logging.getLogger(__name__)


def read_toml(path: str, named_by: str) -> dict[str, Any]:
    """The contents of the file at ``path``.

    Args:
        path: the file; ``~`` is the home folder.
        named_by: the option, variable or setting that holds ``path``, for errors.

    Raises:
        SettingsError: not a readable file, or not TOML.
    """
    where = f"{named_by} {path}"
    try:
        file = Path(path).expanduser()
        # Reading a pipe without a writer, or a device without an end, never returns.
        if file.exists() and not file.is_file():
            raise SettingsError(f"{where}: not a regular file; give a TOML file")
        data = file.read_bytes()
        logger.info("%s: read %d bytes", where, len(data))
    except OSError as error:
        raise SettingsError(f"{where}: {error.strerror}; give a readable TOML file") from error
    except (RuntimeError, ValueError) as error:  # "~unknown", a null character
        raise SettingsError(f"{where}: {error}; give a readable TOML file") from error
    return parse_toml(data, path)


def parse_toml(data: bytes, source: str) -> dict[str, Any]:
    """The contents of ``data``; ``source`` names it in errors.

    Raises:
        SettingsError: not UTF-8, not TOML, or a control character in a text.
    """
    try:
        contents = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{source}: not UTF-8 text; save it as UTF-8") from error
    except RecursionError as error:
        raise SettingsError(f"{source}: not valid TOML: nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        reason = str(error).partition(";")[0]
        raise SettingsError(f"{source}: not valid TOML: {reason}") from error
    _check_characters(contents, source)
    return contents


def _check_characters(contents: dict[str, Any], source: str) -> None:
    """Refuse control characters: texts of the settings reach paths, headers and terminals."""
    pending: list[Any] = [contents]
    while pending:  # no recursion: dotted keys nest without limit
        value = pending.pop()
        if isinstance(value, dict):
            pending += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, str) and (bad := _control(value)):
            raise SettingsError(f"{source}: {value[:40]!r} holds the control character {bad}")


def _control(text: str) -> str | None:
    """The first control character but tab and newline, as U+XXXX."""
    for character in text:
        if unicodedata.category(character) == "Cc" and character not in "\t\n":
            return f"U+{ord(character):04X}; write the text without it"
    return None
