"""A real SMTP server with STARTTLS and AUTH, and a CA of its own."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.settings import Mail
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from tests.cli.conftest import KEY, START, Api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiosmtpd.smtp import SMTP, Envelope, Session

USER, PASSWORD = "reporter", "a-good-password"


class Authority:
    """A CA and a certificate of it for 127.0.0.1, as PEM files."""

    def __init__(self, folder: Path) -> None:
        ca_key = ec.generate_private_key(ec.SECP256R1())
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        ca = self._certificate(issuer, issuer, ca_key, ca_key, is_ca=True)
        own = self._certificate(subject, issuer, key, ca_key, is_ca=False)
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        self.server_file = folder / "server.pem"
        self.server_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + own.public_bytes(serialization.Encoding.PEM)
        )

    @staticmethod
    def _certificate(
        subject: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        signer: ec.EllipticCurvePrivateKey,
        *,
        is_ca: bool,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=is_ca,
                    crl_sign=is_ca,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        )
        if not is_ca:
            names = [x509.IPAddress(ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signer, hashes.SHA256())


class Inbox:
    """What arrived, and whom the server refuses."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.recipients: list[list[str]] = []
        self.was_encrypted: list[bool] = []
        self.refuse: set[str] = set()
        self.replies: dict[str, str] = {}
        """Replies for recipients, instead of accepting or refusing them."""
        self.asked: list[str] = []
        self.seconds = 0.0
        """Time it takes over a message."""
        self.quit_reply = "221 Bye"
        self.hangs_up_after_data = False
        """The message is kept, and the connection ends without a reply."""

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        self.asked.append(address)
        if address in self.replies:
            return self.replies[address]
        if address in self.refuse:
            return "550 5.1.1 no such\x07 mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        return self.quit_reply

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self.seconds)
        self.bodies.append(envelope.content)
        self.recipients.append(envelope.rcpt_tos)
        self.was_encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        if self.hangs_up_after_data:
            server.transport.abort()
        return "250 OK"


def _check(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    # handled=False makes the server answer 535 itself; else the client waits for ever.
    return AuthResult(success=good, handled=False)


class OnAFreePort(Controller):
    """Asks itself on the port it was values_, not on the port 0 it asked for."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Server:
    """A running server."""

    def __init__(self, controller: Controller, inbox: Inbox) -> None:
        self.inbox = inbox
        self.port: int = controller.server.sockets[0].getsockname()[1]

    def settings(self, **values: object) -> Mail:
        defaults: dict[str, Any] = {
            "to": ("a@example.com", "b@example.com"),
            "sender": "FleetLedger <ledger@example.com>",
            "host": "127.0.0.1",
            "port": self.port,
            "timeout_seconds": 10.0,
        }
        return Mail(**defaults | values)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def _running(**options: Any) -> Iterator[Server]:  # noqa: ANN401
    inbox = Inbox()
    with warnings.catch_warnings():
        # aiosmtpd warns about its own former interface while it authenticates.
        warnings.simplefilter("ignore")
        controller = OnAFreePort(inbox, hostname="127.0.0.1", port=0, **options)
        controller.start()
        try:
            yield Server(controller, inbox)
        finally:
            controller.stop(no_assert=True)


@pytest.fixture
def starttls_server(authority: Authority) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server_file)
    yield from _running(
        tls_context=context,
        require_starttls=True,
        authenticator=_check,
        auth_required=True,
    )


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server_file)
    yield from _running(ssl_context=context)


@pytest.fixture
def plain_server() -> Iterator[Server]:
    yield from _running()


@pytest.fixture
def api() -> Iterator[Api]:
    """A fleet whose clock a test moves, served over HTTP."""
    clock, fleet = Clock(START, step_seconds=1), Fleet(3, 25, START, 10)
    with serve(make_app(fleet, clock, keys=(KEY,))) as url:
        yield Api(url, clock, fleet)
