"""Settings: what is accepted works everywhere it is used; what is not is named, with its remedy."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import msgspec
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from pipeline.addresses import check_api_url, check_url
from pipeline.currency import MINOR_UNITS
from pipeline.errors import SettingsError
from pipeline.model import ACCOUNT_NAME, State
from pipeline.settings import Budget, Section, Settings, parse_settings, read_settings
from pipeline.store import Store, layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)


def parsed(text: str) -> Settings:
    return parse_settings(text.encode(), "settings.toml")


def refusal(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(SettingsError) as caught:
        parse_settings(data, "settings.toml")
    assert str(caught.value).startswith("settings.toml: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@given(st.from_regex(ACCOUNT_NAME, fullmatch=True))
def test_an_account_name_that_is_accepted_names_all_its_files(name: str) -> None:
    assert parsed(f'[accounts."{name}"]').all_accounts.keys() == {name}
    snapshot = layout.snapshot(name, NOON, State.COMPLETE)
    assert layout.parse_snapshot(snapshot.key) == snapshot
    day = layout.ledger(name, date(2026, 10, 20), "abcd")
    assert layout.parse_ledger(day.key) == day
    final = layout.final(name, date(2026, 10, 20), "abcd")
    assert layout.parse_final(final.key) == final
    assert layout.lock(f"extract-{name}")
    for word in ("resume", "late", "gaps"):
        assert layout.parse_state(layout.state(f"{word}-{name}")) == f"{word}-{name}"


@pytest.mark.parametrize(
    "name", ["a" * 57, "a" * 64, "a\\n", "", "../x", "-a", ".a", "a b", "ä", "a/b", "a\\u0000"]
)
def test_an_account_name_that_could_name_no_file_is_refused_with_the_rule(name: str) -> None:
    message = refusal(f'[accounts."{name}"]')
    assert "letters, digits, '_', '-', '.', at most 56" in message or "U+0000" in message


def test_accounts_that_differ_in_case_alone_would_share_a_folder() -> None:
    assert "accounts.prod and accounts.Prod" in refusal("[accounts.prod]\n[accounts.Prod]")


def numbers(kind: type[Section], prefix: str = "") -> Iterator[tuple[str, type]]:
    """Every setting that is a number, with its sections."""
    for field in msgspec.structs.fields(kind):
        kind_of = field.type
        if isinstance(kind_of, type) and issubclass(kind_of, Section):
            yield from numbers(kind_of, f"{prefix}{field.name}.")
        else:
            base = get_args(kind_of)[0] if get_origin(kind_of) is Annotated else kind_of
            if base in (int, float):
                yield f"{prefix}{field.name}", base


NUMBERS = [
    *numbers(Settings),
    *((f"budgets.fleet.{name}", kind) for name, kind in numbers(Budget)),
    ("rate_card.H100", float),
]
ABSURD = ["nan", "inf", "-inf", "-1", "1e300", "-1e300", str(2**63), "9" * 400]


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("name", [name for name, _ in NUMBERS])
def test_no_number_is_endless_or_negative(name: str, value: str) -> None:
    assert name.removeprefix("budgets.fleet.").partition("[")[0] in refusal(f"{name} = {value}")


def bounds(name: str) -> list[Any]:
    """The least and the most a setting takes, found by asking."""
    tried = [0, 1e-9, 0.01, 0.05, 1, 1.01, 4, 24, 100, 3660, 21600, 65535, 86400, 1e6, 1e9, 1e12]
    tried += [2**31 - 1]
    accepted = []
    for value in sorted(tried):
        for written in (int(value), float(value)):
            try:
                parsed(f"{name} = {written!r}")
            except SettingsError:
                continue
            accepted.append(written)
    return [accepted[0], accepted[-1]]


def test_every_number_has_both_ends() -> None:
    assert len(NUMBERS) > 45
    for name, _ in NUMBERS:
        least, most = bounds(name)
        assert least >= 0
        assert most <= 1e12


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('currency = "USD"'.encode("utf-16"), "not UTF-8 text; save it as UTF-8"),
        (b'currency = "\xff"', "not UTF-8 text"),
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"a = " + b"[" * 3000 + b"]" * 3000, "nested too deeply"),
        (b"a" + b".a" * 3000 + b" = 1", "unknown setting a"),
        (b"mail.port = " + b"9" * 5000, "not valid TOML"),
        (b'data_dir = "a\\u0000b"', "control character U+0000"),
        (b'data_dir = "\\u001b[31mred"', "control character U+001B"),
        (b'data_dir = ""', "data_dir is empty"),
        (b'[report]\nwindow = "30d\\n"', "report.window"),
        (b'[report]\nbase_url = "javascript:alert(1)"', "report.base_url"),
        (b'proxy = "socks5://proxy.example.com"', "proxy"),
        (b'proxy = "http://proxy.example.com/path"', "scheme, host and port only"),
        (b'proxy = "http://u:p@proxy.example.com"', "user name or password"),
        (b'[mail]\nto = ["ana@example.org\\nBcc: eve@example.org"]', "not one line"),
        (b'[mail]\nto = ["a@b.c"]\nhost = "smtp..example.org"', "mail.host"),
        (b"[budgets.fleet]\namount = 1\n[budgets.vision]\namount = 0", "budgets.vision.amount"),
        (b"[accounts.a]\n[accounts.b]\nversion = 'v3'", "accounts.b.version"),
    ],
)
def test_what_is_invalid_is_one_line(data: bytes, expected: str) -> None:
    assert expected in refusal(data)


def test_a_byte_order_mark_is_no_setting() -> None:
    assert parse_settings(b'\xef\xbb\xbfcurrency = "EUR"', "settings.toml").currency == "EUR"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999", "http://127.0.0.1:0", "http://127.0.0.1:-1", "http://[::1",
        "http://127.0.0.1:x", "https://", "https://:443", "https://a b", "https://a..b", "https://.",
        "https://a\n", "https://ä.example", "https://" + "a" * 64, "https://[::1%eth0]",
        "api.example", "ftp://a", "", "//a", "https://a@", "http:\\\\a", "https://a#b",
    ],
)  # fmt: skip
@pytest.mark.parametrize("setting", ["api", "accounts.research"])
def test_an_address_that_is_none_is_refused_with_its_setting(setting: str, url: str) -> None:
    message = refusal(f"[{setting}]\nurl = {msgspec.json.encode(url).decode()}")
    assert f"{setting}.url: " in message


def test_a_password_in_an_address_is_not_quoted() -> None:
    for url in ("https://ana:hunter2@example.org", "https://ana:hunter2@exa mple.org"):
        assert "hunter2" not in refusal(f'[api]\nurl = "{url}"')


@given(
    st.one_of(
        st.text(max_size=40),
        st.from_regex(r"https?://[A-Za-z0-9_.\[\]:%@-]{0,30}(:[0-9]{0,6})?(/[!-~]{0,10})?"),
    )
)
def test_an_address_that_is_accepted_can_be_asked(url: str) -> None:
    try:
        check_url(url)
    except SettingsError:
        return
    requests.Request("GET", f"{url.rstrip('/')}/v1/clusters").prepare()


@pytest.mark.parametrize(
    "url", ["https://api.tensorone.ai", "http://localhost:8000/", "http://[::1]:80", "https://h/p/"]
)
def test_good_addresses_are_accepted(url: str) -> None:
    check_api_url(url)


@pytest.mark.parametrize(
    ("code", "near"), [("USB", "USD"), ("usd", "USD"), ("EUX", "EUR"), ("XXX", ""), ("", "")]
)
def test_a_currency_that_is_none_names_the_nearest(code: str, near: str) -> None:
    message = refusal(f'currency = "{code}"')
    assert "ISO 4217" in message
    assert f"did you mean {near}" in message


def test_every_currency_of_the_table_is_accepted() -> None:
    assert len(MINOR_UNITS) == 155
    for code in MINOR_UNITS:
        assert parsed(f'currency = "{code}"').currency == code


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_a_file_that_cannot_be_read_is_named_with_what_named_it(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(SettingsError, match=f"^FLEETLEDGER_CONFIG {path}: .*; give a .*TOML file$"):
        read_settings(str(path), "FLEETLEDGER_CONFIG")


@pytest.mark.parametrize(
    "uri", ["s3://", "s3:///x", "s3://a b/x", "s3://b", "s3://a..b", "gs://abc"]
)
def test_a_bucket_that_is_none_is_refused_before_a_library_panics(uri: str) -> None:
    with pytest.raises(SettingsError, match="give a local path or s3://bucket/prefix"):
        Store(uri, {})
