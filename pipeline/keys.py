"""API keys: where they may come from, and a wrapper that never prints one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import KeyRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.settings import Account, Settings


class Secret:
    """A text that shows as stars everywhere but in :meth:`reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for the one header it belongs in."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


def find_key(
    account_name: str, account: Account, settings: Settings, environment: Mapping[str, str]
) -> Secret:
    """The API key of an account.

    Order: the account's own ``key_file`` and ``key_env``;
    ``$CREDENTIALS_DIRECTORY/tensorone_api_key``; ``--api-key-file`` (``api.key_file``);
    ``TENSORONE_API_KEY_FILE``; ``TENSORONE_API_KEY``. Never the command line: it is public.

    Raises:
        KeyRefusedError: none given, unreadable, or not a key (a header could leak it).
    """
    if account.key_file:
        return _from_file(account.key_file, f"accounts.{account_name}.key_file")
    if account.key_env:
        return _checked(environment.get(account.key_env, ""), f"the variable {account.key_env}")
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if directory and (Path(directory) / "tensorone_api_key").is_file():
        return _from_file(str(Path(directory) / "tensorone_api_key"), "CREDENTIALS_DIRECTORY")
    if settings.api.key_file:
        return _from_file(settings.api.key_file, "api.key_file")
    if environment.get("TENSORONE_API_KEY_FILE"):
        return _from_file(environment["TENSORONE_API_KEY_FILE"], "TENSORONE_API_KEY_FILE")
    if environment.get("TENSORONE_API_KEY"):
        return _checked(environment["TENSORONE_API_KEY"], "TENSORONE_API_KEY")
    raise KeyRefusedError(
        "no API key: set TENSORONE_API_KEY, or TENSORONE_API_KEY_FILE to a file that holds it "
        "(a key with read access to clusters is enough)"
    )


def _from_file(path: str, source: str) -> Secret:
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyRefusedError(f"API key file {path} (from {source}) is not readable") from error
    return _checked(text, f"{path} (from {source})")


def _checked(text: str, source: str) -> Secret:
    key = text.strip()
    if not key:
        raise KeyRefusedError(f"no API key: {source} is empty")
    # A control character in a header makes HTTP libraries raise errors that quote the whole key.
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise KeyRefusedError(f"the API key in {source} is not one line of printable ASCII")
    return Secret(key)
