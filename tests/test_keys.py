"""Where a key comes from, and who else may read it: a security contract."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pipeline.errors import Exit, KeyRefusedError, SettingsError
from pipeline.keys import find_key, find_password, is_exposed
from pipeline.settings import Account, Api, Mail, Settings


def private(path: Path, text: str, mode: int = 0o600) -> str:
    path.write_text(f"{text}\n")
    path.chmod(mode)
    return str(path)


def key_of(
    environment: dict[str, str], *, account: Account | None = None, key_file: str | None = None
) -> str:
    settings = Settings(api=Api(key_file=key_file))
    return find_key("research", account or Account(), settings, environment).reveal()


def refused(*args: object, **kwargs: object) -> str:
    with pytest.raises(KeyRefusedError) as caught:
        key_of(*args, **kwargs)
    assert caught.value.exit_code is Exit.KEY_REFUSED
    return str(caught.value)


def test_the_source_nearest_to_the_account_wins(tmp_path: Path) -> None:
    """Take the winner away and the next one wins, down to none."""
    private(tmp_path / "tensorone_api_key", "from-systemd", 0o400)
    environment = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "TENSORONE_API_KEY_FILE": private(tmp_path / "variable", "from-file-variable"),
        "TENSORONE_API_KEY": "from-variable",
        "RESEARCH": "from-account-variable",
    }
    own = private(tmp_path / "own", "from-account-file")
    option = private(tmp_path / "option", "from-option")
    both = Account(key_file=own, key_env="RESEARCH")
    assert key_of(environment, account=both, key_file=option) == "from-account-file"
    only = Account(key_env="RESEARCH")
    assert key_of(environment, account=only, key_file=option) == "from-account-variable"
    assert key_of(environment, key_file=option) == "from-systemd"
    (tmp_path / "tensorone_api_key").unlink()
    assert key_of(environment, key_file=option) == "from-option"
    assert key_of(environment) == "from-file-variable"
    del environment["TENSORONE_API_KEY_FILE"]
    assert key_of(environment) == "from-variable"
    del environment["TENSORONE_API_KEY"]
    assert "no API key" in refused(environment)


def test_a_source_that_fails_is_an_error_and_no_other_key_is_taken(tmp_path: Path) -> None:
    """The wrong account's key would store the wrong account's fleet."""
    environment = {"TENSORONE_API_KEY": "another-account's"}
    account = Account(key_env="RESEARCH")
    assert "accounts.research.key_env" in refused(environment, account=account)
    assert "absent" in refused(environment, key_file=str(tmp_path / "absent"))
    empty = private(tmp_path / "empty", "")
    assert "is empty" in refused(environment, key_file=empty)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602, 0o440])
def test_a_key_file_open_to_others_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "key", "a-key-of-the-vendor", mode)
    for message in (
        refused({}, key_file=path),
        refused({}, account=Account(key_file=path)),
        refused({"TENSORONE_API_KEY_FILE": path}),
    ):
        assert f"mode {mode:04o}" in message
        assert f"chmod 600 {path}" in message
        assert "a-key-of-the-vendor" not in message
    Path(path).chmod(0o600)
    assert key_of({}, key_file=path) == "a-key-of-the-vendor"


def test_of_a_link_the_file_behind_it_counts(tmp_path: Path) -> None:
    """Kubernetes: key -> ..data/key -> ..2026_03_02/key, the links open to all."""
    folder = tmp_path / "..2026_03_02"
    folder.mkdir()
    target = private(folder / "key", "from-a-secret", 0o400)
    (tmp_path / "..data").symlink_to(folder.name)
    link = tmp_path / "key"
    link.symlink_to("..data/key")
    assert key_of({}, key_file=str(link)) == "from-a-secret"
    Path(target).chmod(0o644)
    assert "defaultMode: 0400" in refused({}, key_file=str(link))


@pytest.mark.parametrize("mode", [0o400, 0o440])
def test_a_credential_of_systemd_may_show_its_access_list_as_a_group(
    tmp_path: Path, mode: int
) -> None:
    path = private(tmp_path / "tensorone_api_key", "from-systemd", mode)
    directory = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert key_of(directory) == "from-systemd"
    # LoadCredential= and Environment=TENSORONE_API_KEY_FILE=%d/tensorone_api_key
    assert key_of(directory, account=Account(key_file=path)) == "from-systemd"
    Path(path).chmod(0o444)
    assert "mode 0444" in refused(directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_may_be_read_by_group(tmp_path: Path) -> None:
    path = private(tmp_path / "key", "from-fsGroup", 0o440)
    os.chown(path, 12345, 12345)
    assert key_of({}, key_file=path) == "from-fsGroup"
    Path(path).chmod(0o444)
    assert "mode 0444" in refused({}, key_file=path)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640])
def test_group_permission_to_read_is_all_that_a_group_may_have(mode: int) -> None:
    assert not is_exposed(mode, is_by_group=True)
    for more in (0o020, 0o010, 0o004, 0o002, 0o001):
        assert is_exposed(mode | more, is_by_group=True)


def test_a_pipe_is_as_good_as_a_file(tmp_path: Path) -> None:
    """--api-key-file <(pass show tensorone)"""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    writer = threading.Thread(target=pipe.write_text, args=("from-a-pipe\n",))
    writer.start()
    assert key_of({}, key_file=str(pipe)) == "from-a-pipe"
    writer.join()


def test_a_key_where_a_name_belongs_is_not_quoted() -> None:
    key = "tpo_live_k9Zq47bXw2mTf8"
    assert key not in refused({"TENSORONE_API_KEY_FILE": key})
    assert key not in refused({}, account=Account(key_env=key))


def test_the_home_folder_of_an_unknown_user_is_named_with_its_source() -> None:
    path = "~no_such_user/key"
    assert "api.key_file" in refused({}, key_file=path)
    assert "TENSORONE_API_KEY_FILE" in refused({"TENSORONE_API_KEY_FILE": path})
    with pytest.raises(SettingsError, match=r"mail\.password_file"):
        find_password(Mail(username="u", password_file=path), {})
