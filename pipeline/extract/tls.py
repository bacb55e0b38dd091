"""The CAs that certificates are verified with, and how a rejected certificate is recognised."""

from __future__ import annotations

import ssl
from pathlib import Path

from pipeline.errors import SettingsError


def ca_bundle(ca_file: str | None, environment: str | bool | None) -> str | bool:  # noqa: FBT001 - as requests has it
    """The CAs that certificates are verified with: a file or folder, or True for the usual ones.

    Raises:
        SettingsError: it cannot be read, or contains no certificate.
    """
    source = "api.ca_file" if ca_file is not None else "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE"
    bundle = environment if ca_file is None else ca_file
    if not isinstance(bundle, str):
        return True
    where = {"capath" if Path(bundle).is_dir() else "cafile": bundle}
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(**where)
    except (OSError, ValueError) as error:
        why = "no certificates in PEM" if isinstance(error, ssl.SSLError) else "cannot be read"
        if isinstance(error, FileNotFoundError):
            why = "there is no such file"
        raise SettingsError(f"{source} {bundle!r}: {why}; name a CA bundle, or none") from error
    return bundle


def is_certificate_error(error: BaseException) -> bool:
    """Whether a certificate was the reason; other TLS errors may be temporary."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (ssl.SSLCertVerificationError, ssl.CertificateError)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
