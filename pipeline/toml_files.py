"""TOML files that people write: settings, exclusions, owners. Read whole, refused in one line."""

from __future__ import annotations

import tomllib
import unicodedata
from pathlib import Path
from typing import Any

from pipeline.errors import SettingsError


def read_toml(path: str, named_by: str) -> dict[str, Any]:
    """What the file at ``path`` says; ``named_by`` is the option, variable or setting of that path.

    Raises:
        SettingsError: not a readable file, or not TOML.
    """
    where = f"{named_by} {path}"
    try:
        file = Path(path).expanduser()
        # A pipe without a writer or a device without an end would hold up a night for ever.
        if file.exists() and not file.is_file():
            raise SettingsError(f"{where}: not a regular file; give a TOML file")
        data = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{where}: {error.strerror}; give a readable TOML file") from error
    except (RuntimeError, ValueError) as error:  # "~nobody", a null character
        raise SettingsError(f"{where}: {error}; give a readable TOML file") from error
    return parse_toml(data, path)


def parse_toml(data: bytes, source: str) -> dict[str, Any]:
    """What ``data`` says; ``source`` names it in errors."""
    try:
        found = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{source}: not UTF-8 text; save it as UTF-8") from error
    except RecursionError as error:
        raise SettingsError(f"{source}: not valid TOML: nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        reason = str(error).partition(";")[0]
        raise SettingsError(f"{source}: not valid TOML: {reason}") from error
    _refuse_control_characters(found, source)
    return found


def _refuse_control_characters(found: dict[str, Any], source: str) -> None:
    """A text of the settings may reach a path, a header or a terminal: it holds no controls."""
    left: list[Any] = [found]
    while left:  # no recursion: dotted keys nest without limit
        value = left.pop()
        if isinstance(value, dict):
            left += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str) and (bad := _control(value)):
            raise SettingsError(f"{source}: {value[:40]!r} holds the control character {bad}")


def _control(text: str) -> str | None:
    """The first control character but tab and newline, as U+XXXX."""
    for character in text:
        if unicodedata.category(character) == "Cc" and character not in "\t\n":
            return f"U+{ord(character):04X}; write the text without it"
    return None
