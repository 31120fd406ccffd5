# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to reach GCP KMS: libraries, credentials and address. Google's libraries are imported only when they are needed."""

from __future__ import annotations

import typing as t
import warnings
from urllib.parse import urlsplit

from ..._errors import CantonError, DependencyMissing
from . import errors as gcp_errors

SCOPE = "https://www.googleapis.com/auth/cloudkms"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def check_dependencies() -> None:
    """Raise DependencyMissing when google-cloud-kms or cryptography is not importable here."""
    try:
        import google.auth
        import google.cloud.kms_v1  # noqa: F401
    except ImportError as exc:
        raise DependencyMissing("google-cloud-kms", str(exc)) from exc
    try:
        import cryptography  # noqa: F401
    except ImportError as exc:
        raise DependencyMissing("cryptography", str(exc)) from exc


def open_client(params: t.Mapping[str, t.Any]) -> t.Any:
    """Google's client for ``params`` (see ``options``). Sends nothing to the KMS yet."""
    url = _endpoint(params["endpoint_url"])
    check_dependencies()
    from google.auth import exceptions

    try:
        return _client(params, url)
    except (exceptions.GoogleAuthError, OSError, ValueError) as exc:
        raise gcp_errors.failed("The connection", exc) from exc


def _client(params: t.Mapping[str, t.Any], url: t.Any) -> t.Any:
    from google.api_core.gapic_v1.client_info import ClientInfo
    from google.cloud import kms_v1

    info = ClientInfo(user_agent="ledgerops.canton")  # type: ignore[no-untyped-call]
    if url is not None and url.scheme == "http":
        return kms_v1.KeyManagementServiceClient(transport=_plain_transport(url.netloc), client_info=info)
    options = {} if url is None else {"api_endpoint": url.netloc}
    return kms_v1.KeyManagementServiceClient(credentials=_credentials(params), client_options=options, client_info=info)


def _plain_transport(address: str) -> t.Any:
    """A connection without TLS, and hence without credentials, which would be sent in cleartext."""
    import grpc
    from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

    # a proxy of the environment does not reach this host
    channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
    return KeyManagementServiceGrpcTransport(channel=channel)


def _endpoint(text: str | None) -> t.Any:
    if not text:
        return None
    url = urlsplit(text)
    try:
        bare = url.path in ("", "/") and not url.query and not url.fragment and url.username is None and url.port != 0
    except ValueError:  # not a port number
        bare = False
    if url.scheme not in ("http", "https") or not url.hostname or not bare:
        raise CantonError(
            "endpoint_url is not an address of GCP KMS",
            "endpoint_invalid",
            "Give endpoint_url as https://HOST or https://HOST:PORT.",
        )
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        raise CantonError(
            f"endpoint_url is {text}, without TLS",
            error_id="endpoint_invalid",
            hint="Use https. Plain http is for a test server on this very host, and no credentials are sent to it.",
        )
    return url


def _credentials(params: t.Mapping[str, t.Any]) -> t.Any:
    import google.auth
    from google.auth import impersonated_credentials

    if params["credentials_file"]:
        found = _credentials_of(params["credentials_file"])
    else:
        found, _project = google.auth.default(scopes=[SCOPE])
    account = params["impersonate_service_account"]
    if not account:
        return found
    return impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]
        source_credentials=found, target_principal=account, target_scopes=[SCOPE]
    )


def _credentials_of(path: str) -> t.Any:
    import google.auth

    read: t.Any = google.auth.load_credentials_from_file
    with warnings.catch_warnings():
        # Google warns of credential files from unknown sources; this one is the operator's own
        warnings.simplefilter("ignore", DeprecationWarning)
        found, _project = read(path, scopes=[SCOPE])
    return found
