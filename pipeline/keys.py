"""Finds API keys and passwords, and wraps them so that they are never printed.

A file with a secret must be accessible to its owner only. A file of another user (usually root) may
be readable by a group, because this user reads it through that group: systemd shows the access list
of a credential as group permissions (0440), Kubernetes gives a secret to the pod's ``fsGroup``.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from pipeline.addresses import check_secret_url
from pipeline.errors import FleetLedgerError, KeyRefusedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.settings import Account, Mail, Settings

PASSWORD_VARIABLE = "FLEETLEDGER_MAIL_PASSWORD"  # noqa: S105 - a name, not a password


class Secret:
    """A text that prints as stars; only :meth:`reveal` returns it."""

    __slots__ = ("_text", "source")

    def __init__(self, text: str, source: str = "") -> None:
        self._text = text
        self.source = source
        """The file, setting or variable it came from."""

    def reveal(self) -> str:
        """The text, for the header or login that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


def find_key(
    account_name: str,
    account: Account,
    settings: Settings,
    environment: Mapping[str, str],
    key_file_named_by: str = "api.key_file",
) -> Secret:
    """The API key of an account.

    Precedence: the account's own ``key_file`` and ``key_env``;
    ``$CREDENTIALS_DIRECTORY/tensorone_api_key``; ``--api-key-file`` (``api.key_file``);
    ``TENSORONE_API_KEY_FILE``; ``TENSORONE_API_KEY``. Never the command line, which other users
    can read.

    Args:
        account_name: the account's name in the settings.
        account: its settings.
        settings: all settings.
        environment: the variables.
        key_file_named_by: the option, variable or setting that holds ``api.key_file``.

    Raises:
        KeyRefusedError: there is no key, or it is unreadable, readable by others, or not valid in
            a header.
    """

    def from_file(path: str, source: str) -> Secret:
        return _from_file(path, source, environment)

    if account.key_file:
        return from_file(account.key_file, f"accounts.{account_name}.key_file")
    if account.key_env:
        name = account.key_env if _VARIABLE.fullmatch(account.key_env) else "it names"
        source = f"accounts.{account_name}.key_env (the variable {name})"
        return _checked(environment.get(account.key_env, ""), source)
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if directory and (Path(directory) / "tensorone_api_key").is_file():
        return from_file(str(Path(directory) / "tensorone_api_key"), "CREDENTIALS_DIRECTORY")
    if settings.api.key_file:
        return from_file(settings.api.key_file, key_file_named_by)
    if environment.get("TENSORONE_API_KEY_FILE"):
        return from_file(environment["TENSORONE_API_KEY_FILE"], "TENSORONE_API_KEY_FILE")
    if environment.get("TENSORONE_API_KEY"):
        return _checked(environment["TENSORONE_API_KEY"], "TENSORONE_API_KEY")
    raise KeyRefusedError(
        "no API key: set TENSORONE_API_KEY, or TENSORONE_API_KEY_FILE to a file that holds it "
        "(a key with read access to clusters is enough)"
    )


_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""A usual variable name; any other text may be the key itself, entered by mistake."""


def read_private(
    path: str, what: str, error: type[FleetLedgerError], environment: Mapping[str, str]
) -> str:
    """The text of a file that holds a secret.

    Args:
        path: the file; ``~`` is the home folder.
        what: names the file in errors.
        error: the class of errors to raise.
        environment: for ``CREDENTIALS_DIRECTORY``.

    Raises:
        error: not readable, or readable by other users.
    """
    try:
        # The open file is checked, not its name: a link may point elsewhere by then.
        with Path(path).expanduser().open(encoding="utf-8") as file:
            info = os.fstat(file.fileno())
            text = file.read()
    except (OSError, UnicodeDecodeError, RuntimeError) as reason:
        raise error(f"{what} is not readable") from reason
    directory = environment.get("CREDENTIALS_DIRECTORY")
    is_credential = bool(directory) and Path(path).parent == Path(directory or "")
    is_by_group = is_credential or info.st_uid != os.geteuid()
    if stat.S_ISREG(info.st_mode) and is_exposed(info.st_mode, is_by_group=is_by_group):
        raise error(
            f"{what} is open to other users (mode {stat.S_IMODE(info.st_mode):04o}); "
            f"run: chmod 600 {path} (of a Kubernetes secret: defaultMode: 0400)"
        )
    return text


def is_exposed(mode: int, *, is_by_group: bool) -> bool:
    """Whether other users can read or change a file with this mode.

    Args:
        mode: the file's permissions.
        is_by_group: whether a group may read it, because this user reads it through the group.
    """
    return bool(mode & (0o037 if is_by_group else 0o077))


def _from_file(path: str, source: str, environment: Mapping[str, str]) -> Secret:
    what = f"API key file {path} (from {source})"
    # A key is sometimes entered where its path belongs: do not quote it.
    if not path.startswith(("/", "~", ".")) and not os.access(path, os.F_OK):
        what = f"the API key file that {source} names (the key itself belongs in TENSORONE_API_KEY)"
    text = read_private(path, what, KeyRefusedError, environment)
    return _checked(text, f"{path} (from {source})")


def _checked(text: str, source: str) -> Secret:
    key = text.strip()
    if not key:
        raise KeyRefusedError(f"no API key: {source} is empty")
    # A control character in a header makes HTTP libraries raise errors that quote the whole key.
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise KeyRefusedError(f"the API key in {source} is not one line of printable ASCII")
    return Secret(key, source)


def find_password(mail: Mail, environment: Mapping[str, str]) -> Secret | None:
    """The password for ``mail.username``, from ``mail.password_file`` or the environment.

    Raises:
        SettingsError: no password for the user name, or its file is unreadable or open to others.
    """
    if not mail.username:
        return None
    if mail.password_file:
        what = f"mail.password_file {mail.password_file}"
        text = read_private(mail.password_file, what, SettingsError, environment)
        return Secret(text.strip("\r\n"), what)
    if environment.get(PASSWORD_VARIABLE):
        return Secret(environment[PASSWORD_VARIABLE], PASSWORD_VARIABLE)
    raise SettingsError(
        f"mail.username needs a password: set mail.password_file or {PASSWORD_VARIABLE}"
    )


class SecretSource(NamedTuple):
    """Where the settings say that a secret of a channel is."""

    file: str | None
    variable: str | None
    is_address: bool = True


def channel_secrets(settings: Settings) -> dict[str, SecretSource]:
    """The secrets of webhooks and ping by the names of their settings, such as
    ``webhooks.ops.url``.
    """
    sources: dict[str, SecretSource] = {}
    for name, hook in settings.webhooks.items():
        sources[f"webhooks.{name}.url"] = SecretSource(hook.url_file, hook.url_env)
        if hook.signing_key_file or hook.signing_key_env:
            sources[f"webhooks.{name}.signing_key"] = SecretSource(
                hook.signing_key_file, hook.signing_key_env, is_address=False
            )
    ping = settings.ping
    if ping.url_file or ping.url_env:
        sources["ping.url"] = SecretSource(ping.url_file, ping.url_env)
    return sources


def find_channel_secret(
    setting: str, source: SecretSource, environment: Mapping[str, str]
) -> Secret:
    """The secret of the setting ``setting``, which :func:`channel_secrets` names.

    Raises:
        SettingsError: missing, unreadable, open to others, or not a protected address.
    """
    if source.file:
        # Neither is quoted: an address is sometimes entered where its file belongs.
        what = f"the file that {setting}_file names"
        is_path = "://" not in source.file
        text = read_private(
            source.file, f"{setting}_file {source.file}" if is_path else what,
            SettingsError, environment,
        ).strip()  # fmt: skip
        where = f"{setting}_file"
    else:
        name = source.variable or ""
        shown = name if _VARIABLE.fullmatch(name) else "it names"
        text, where = environment.get(name, "").strip(), f"{setting}_env (the variable {shown})"
    if not text:
        raise SettingsError(f"{where} is empty")
    if source.is_address:
        try:
            check_secret_url(text)
        except SettingsError as error:
            raise SettingsError(f"{where}: {error}") from None
    return Secret(text, where)


def to_hide(secret: Secret, source: SecretSource) -> Secret:
    """What of a secret is removed from texts: of an address its path, the host is no secret."""
    if not source.is_address:
        return secret
    parts = urlsplit(secret.reveal())
    return Secret(f"{parts.path}?{parts.query}" if parts.query else parts.path)
