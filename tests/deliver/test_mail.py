from __future__ import annotations

import email
import email.policy
import socket
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.deliver.mail import check_login, compose, send
from pipeline.errors import NotDeliveredError, SettingsError
from pipeline.keys import Secret, find_password
from pipeline.settings import Mail

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

    from tests.deliver.conftest import Authority, Server

PASSWORD = Secret("a-good-password")
AT = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
MAIL = Mail(to=("a@example.com",), sender="ledger@example.com")
REPORT = b"<!doctype html>\n<p>" + b"\xe2\x80\x94 long line " * 300 + b"</p>\n"


def message(mail: Mail = MAIL, **values: object) -> EmailMessage:
    defaults: dict[str, Any] = {
        "subject": "€8,601 wasted by 2 clusters (2026-11-22)",
        "text": "€8,601 wasted\nby 2 clusters\n",
        "html": "<p>€8,601 wasted</p>",
        "attachments": {"report.html": REPORT, "findings.csv": b"a,b\r\n1,2\r\n"},
        "identity": "data",
        "day": date(2026, 11, 22),
        "sent_at": AT,
    }
    return compose(mail=mail, **(defaults | values))


def parsed(raw: bytes) -> Any:  # noqa: ANN401  # the parser's type depends on its policy
    return email.message_from_bytes(raw, policy=email.policy.default)


def test_a_message_has_a_text_and_an_html_part_and_the_files() -> None:
    read = parsed(message().as_bytes())
    assert read["Subject"] == "[GPU costs] €8,601 wasted by 2 clusters (2026-11-22)"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Date"] == "Mon, 23 Nov 2026 05:00:00 +0000"
    assert "by 2 clusters" in read.get_body(("plain",)).get_content()
    assert "<p>€8,601" in read.get_body(("html",)).get_content()
    files = {part.get_filename(): part for part in read.iter_attachments()}
    assert sorted(files) == ["findings.csv", "report.html"]
    assert files["report.html"].get_payload(decode=True) == REPORT
    assert files["findings.csv"].get_payload(decode=True) == b"a,b\r\n1,2\r\n"


def test_pictures_are_related_to_the_html_that_shows_them() -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
    html = '<p>hello</p><img src="cid:spend.png" alt="spend">'
    read = parsed(message(html=html, pictures={"spend.png": png}).as_bytes())
    kinds = [part.get_content_type() for part in read.walk()]
    assert kinds == [
        *("multipart/mixed", "multipart/alternative", "text/plain", "multipart/related"),
        *("text/html", "image/png", "text/html", "text/csv"),
    ]
    (picture,) = (part for part in read.walk() if part.get_content_type() == "image/png")
    assert picture["Content-ID"] == "<spend.png>"
    assert picture.get_content_disposition() == "inline"
    assert picture.get_payload(decode=True) == png
    assert sorted(p.get_filename() for p in read.iter_attachments()) == [
        *("findings.csv", "report.html"),
    ]


def test_all_reports_of_a_sender_are_one_list() -> None:
    other = message(day=date(2026, 11, 23))
    assert message()["List-ID"] == other["List-ID"]
    assert parsed(message().as_bytes())["List-ID"] == (
        "GPU cost reports <reports.fleetledger.example.com>"
    )


def test_no_line_of_a_message_is_longer_than_mail_allows() -> None:
    assert max(len(line) for line in message().as_bytes().split(b"\r\n")) <= 998


def test_the_same_report_for_the_same_recipients_is_the_same_message_to_the_byte() -> None:
    two = Mail(to=("b@example.com", "a@example.com"), sender="ledger@example.com")
    other = Mail(to=("a@example.com", "b@example.com"), sender="ledger@example.com")
    assert message(two).as_bytes() == message(two).as_bytes()
    assert message(two)["Message-ID"] == message(other)["Message-ID"]


@pytest.mark.parametrize("change", [{"identity": "other"}, {"day": date(2026, 11, 23)}])
def test_another_store_or_day_is_another_message(change: dict[str, Any]) -> None:
    assert message()["Message-ID"] != message(**change)["Message-ID"]


def test_nothing_in_a_subject_can_become_a_header_of_its_own() -> None:
    read = parsed(message(subject="x\r\nBcc: evil@example.com\u2028\x00 y").as_bytes())
    assert read["Bcc"] is None
    assert read["Subject"] == "[GPU costs] x Bcc: evil@example.com y"


@pytest.mark.parametrize("bad", ["nobody", "a@b@c", "x\r\nBcc: y@example.com", "", "@example.com"])
def test_an_invalid_recipient_address_is_named(bad: str) -> None:
    with pytest.raises(SettingsError, match=r"mail\.to"):
        message(Mail(to=(bad,)))


def test_a_mail_without_recipients_is_refused() -> None:
    with pytest.raises(SettingsError, match="no recipient"):
        message(Mail())


def test_starttls_with_login_delivers_every_byte_encrypted(
    starttls_server: Server, authority: Authority
) -> None:
    mail = starttls_server.settings(username="reporter", ca_file=str(authority.ca_file))
    sent = message(mail)
    assert send(sent, mail, PASSWORD) == {"a@example.com": "", "b@example.com": ""}
    assert starttls_server.inbox.was_encrypted == [True]
    arrived = parsed(starttls_server.inbox.bodies[0])
    assert arrived["Message-ID"] == sent["Message-ID"]
    attached = {p.get_filename(): p.get_payload(decode=True) for p in arrived.iter_attachments()}
    assert attached["report.html"] == REPORT


def test_tls_from_the_first_byte_delivers_too(tls_server: Server, authority: Authority) -> None:
    mail = tls_server.settings(security="tls", ca_file=str(authority.ca_file))
    assert set(send(message(mail), mail, None).values()) == {""}
    assert tls_server.inbox.was_encrypted == [True]


def test_one_refused_recipient_does_not_hide_the_others(
    starttls_server: Server, authority: Authority
) -> None:
    starttls_server.inbox.refuse = {"b@example.com"}
    mail = starttls_server.settings(username="reporter", ca_file=str(authority.ca_file))
    results = send(message(mail), mail, PASSWORD)
    assert results == {"a@example.com": "", "b@example.com": "550 5.1.1 no such mailbox"}
    assert starttls_server.inbox.recipients == [["a@example.com"]]


def test_if_all_recipients_are_refused_each_has_its_reason(
    starttls_server: Server, authority: Authority
) -> None:
    starttls_server.inbox.refuse = {"a@example.com", "b@example.com"}
    mail = starttls_server.settings(username="reporter", ca_file=str(authority.ca_file))
    results = send(message(mail), mail, PASSWORD)
    assert all(reason.startswith("550") for reason in results.values())
    assert starttls_server.inbox.bodies == []


@pytest.mark.parametrize("busy", ["a@example.com", "b@example.com"])
def test_a_server_that_hangs_up_among_the_recipients_has_served_none_of_them(
    plain_server: Server, busy: str
) -> None:
    plain_server.inbox.replies = {busy: "421 4.3.2 too busy"}
    mail = plain_server.settings(security="none")
    results = send(message(mail), mail, None)
    assert results == dict.fromkeys(("a@example.com", "b@example.com"), "421 4.3.2 too busy")
    assert plain_server.inbox.bodies == []


@pytest.mark.parametrize("reply", ["250 OK", "421 4.3.2 closing", "500 what?", "x" * 9000])
def test_an_odd_reply_to_quit_does_not_undo_an_accepted_mail(
    plain_server: Server, reply: str
) -> None:
    plain_server.inbox.quit_reply = reply
    mail = plain_server.settings(security="none")
    assert send(message(mail), mail, None) == {"a@example.com": "", "b@example.com": ""}
    assert len(plain_server.inbox.bodies) == 1


@pytest.mark.parametrize("reply", ["250 OK", "500 what?"])
def test_an_odd_reply_to_quit_does_not_hide_a_refusal(plain_server: Server, reply: str) -> None:
    plain_server.inbox.quit_reply = reply
    plain_server.inbox.refuse = {"a@example.com", "b@example.com"}
    mail = plain_server.settings(security="none")
    assert all(result.startswith("550") for result in send(message(mail), mail, None).values())


def test_an_unknown_authority_is_not_trusted(starttls_server: Server) -> None:
    mail = starttls_server.settings(username="reporter")
    with pytest.raises(NotDeliveredError, match=r"127\.0\.0\.1:\d+.*not trusted.*mail\.ca_file"):
        send(message(mail), mail, PASSWORD)
    assert starttls_server.inbox.bodies == []


def test_a_certificate_for_another_host_is_not_trusted(
    starttls_server: Server, authority: Authority
) -> None:
    mail = starttls_server.settings(host="localhost", ca_file=str(authority.ca_file))
    with pytest.raises(NotDeliveredError, match=r"not trusted.*mail\.host"):
        send(message(mail), mail, None)


def test_a_wrong_password_is_named_and_never_shown(
    starttls_server: Server, authority: Authority
) -> None:
    mail = starttls_server.settings(username="reporter", ca_file=str(authority.ca_file))
    with pytest.raises(NotDeliveredError, match="login refused: check mail") as caught:
        send(message(mail), mail, Secret("not-this-one"))
    assert "not-this-one" not in str(caught.value)


def test_the_login_is_checked_without_a_mail(starttls_server: Server, authority: Authority) -> None:
    ca = str(authority.ca_file)
    check_login(starttls_server.settings(username="reporter", ca_file=ca), PASSWORD)
    wrong = starttls_server.settings(username="reporter", ca_file=ca)
    with pytest.raises(NotDeliveredError, match="login refused"):
        check_login(wrong, Secret("a-wrong-password"))
    with pytest.raises(NotDeliveredError, match="certificate is not trusted"):
        check_login(starttls_server.settings(username="reporter"), PASSWORD)
    with pytest.raises(SettingsError, match=r"mail\.to"):
        check_login(starttls_server.settings(to=("no address",)), PASSWORD)
    assert starttls_server.inbox.bodies == []


def test_a_server_without_tls_gets_nothing(plain_server: Server) -> None:
    mail = plain_server.settings()
    with pytest.raises(NotDeliveredError, match=r"STARTTLS.*mail\.security"):
        send(message(mail), mail, None)
    assert plain_server.inbox.bodies == []


def test_speaking_tls_to_a_plain_server_says_so(plain_server: Server) -> None:
    mail = plain_server.settings(security="tls")
    with pytest.raises(NotDeliveredError, match=r"no TLS there.*mail\.security"):
        send(message(mail), mail, None)


def test_the_loopback_interface_may_be_used_unencrypted(plain_server: Server) -> None:
    mail = plain_server.settings(security="none")
    assert set(send(message(mail), mail, None).values()) == {""}


def test_no_other_host_may_be_used_unencrypted(plain_server: Server) -> None:
    mail = plain_server.settings(security="none", host="mail.example.com")
    with pytest.raises(SettingsError, match=r"unprotected.*starttls"):
        send(message(mail), mail, None)


def test_a_closed_port_is_named_with_the_remedy() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mail = Mail(to=("a@example.com",), host="127.0.0.1", port=port)
    with pytest.raises(NotDeliveredError, match=rf"127\.0\.0\.1:{port}: .*check mail\.host"):
        send(message(mail), mail, None)


def test_a_silent_server_ends_in_a_timeout() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        mail = Mail(
            to=("a@example.com",),
            host="127.0.0.1",
            port=silent.getsockname()[1],
            timeout_seconds=0.2,
        )
        with pytest.raises(NotDeliveredError, match=r"no answer in 0\.2 s"):
            send(message(mail), mail, None)


def test_an_invalid_ca_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    mail = Mail(to=("a@example.com",), ca_file=str(tmp_path / "ca.pem"))
    with pytest.raises(SettingsError, match=r"mail\.ca_file"):
        send(message(mail), mail, None)


def test_a_login_refusal_is_quoted_by_its_codes_only(
    starttls_server: Server, authority: Authority
) -> None:
    mail = starttls_server.settings(username="reporter", ca_file=str(authority.ca_file))
    with pytest.raises(NotDeliveredError, match=r"password \(535 5\.7\.8\)$"):
        send(message(mail), mail, Secret("not-this-one"))


def test_a_refusal_that_quotes_the_password_is_returned_without_it(
    starttls_server: Server, authority: Authority
) -> None:
    starttls_server.inbox.replies = {"a@example.com": f"550 {PASSWORD.reveal()} is no key"}
    mail = starttls_server.settings(username="reporter", ca_file=str(authority.ca_file))
    assert send(message(mail), mail, PASSWORD)["a@example.com"] == "550 *** is no key"


def test_a_password_comes_from_its_file_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n")
    (tmp_path / "password").chmod(0o600)
    with_file = Mail(username="u", password_file=str(tmp_path / "password"))
    from_file = find_password(with_file, {})
    assert from_file is not None
    assert from_file.reveal() == "from a file"
    from_variable = find_password(Mail(username="u"), {"FLEETLEDGER_MAIL_PASSWORD": "p"})
    assert from_variable is not None
    assert from_variable.reveal() == "p"
    assert find_password(Mail(), {}) is None
    with pytest.raises(SettingsError, match="needs a password"):
        find_password(Mail(username="u"), {})
    (tmp_path / "password").chmod(0o640)
    with pytest.raises(SettingsError, match=r"mode 0640.*chmod 600 .*/password"):
        find_password(with_file, {})
    with pytest.raises(SettingsError, match="not readable"):
        find_password(Mail(username="u", password_file=str(tmp_path / "absent")), {})
