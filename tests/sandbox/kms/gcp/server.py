# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A KMS of Google on the loopback: gRPC with google-cloud-kms's own messages, real keys, Google's states and refusals.

There is no emulator of it to be had (docs/canton/kms-gcp.md#no-emulator). Only what this collection and Canton call is served.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.cloud import kms_v1
from google.iam.v1 import iam_policy_pb2, policy_pb2

from sandbox.kms.gcp.imports import Imports
from sandbox.kms.gcp.policies import Policies
from sandbox.kms.gcp.rules import LOCATIONS, PERMISSIONS, Refused, denied, invalid, subject
from sandbox.kms.gcp.use import Use

# its classes take and give other types than those of their fields
kms: Any = kms_v1


class GcpKms(Use, Imports, Policies):
    """All resources of all projects, and the calls. ``calls`` counts them by method, refused ones included."""

    def answer(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            with self._lock:
                self.calls[method] += 1
                self._before(method, request)
                answer = getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower())(request)
                if self.faults.lost[method] > 0:
                    self.faults.lost[method] -= 1
                    raise Refused(grpc.StatusCode.UNAVAILABLE, "Connection closed")
                return answer
        except Refused as refused:
            context.abort(refused.code, refused.text)

    def _before(self, method: str, request: Any) -> None:
        faults = self.faults
        if faults.unauthenticated:
            raise Refused(
                grpc.StatusCode.UNAUTHENTICATED,
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
                "authentication credential.",
            )
        if faults.api_off:
            raise Refused(
                grpc.StatusCode.PERMISSION_DENIED,
                "Cloud Key Management Service (KMS) API has not been used in project 1 before or it is disabled.",
            )
        if faults.throttled[method] > 0:
            faults.throttled[method] -= 1
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded for quota metric 'Read requests'.")
        name = subject(request)
        location = name.split("/")[3]
        if location not in LOCATIONS:
            raise invalid(
                f"The request concerns location '{location}' but was sent to location 'global'. Either Cloud KMS is not "
                f"available in '{location}' or the request was misrouted."
            )
        if PERMISSIONS[method] in faults.denied:
            raise denied(PERMISSIONS[method], name)


_ANSWERS = {
    "GetKeyRing": kms.KeyRing,
    "CreateKeyRing": kms.KeyRing,
    "GetCryptoKey": kms.CryptoKey,
    "CreateCryptoKey": kms.CryptoKey,
    "UpdateCryptoKey": kms.CryptoKey,
    "GetPublicKey": kms.PublicKey,
    "GetImportJob": kms.ImportJob,
    "CreateImportJob": kms.ImportJob,
    "GetCryptoKeyVersion": kms.CryptoKeyVersion,
    "UpdateCryptoKeyVersion": kms.CryptoKeyVersion,
    "DestroyCryptoKeyVersion": kms.CryptoKeyVersion,
    "RestoreCryptoKeyVersion": kms.CryptoKeyVersion,
    "ImportCryptoKeyVersion": kms.CryptoKeyVersion,
}


def _handlers(service: GcpKms) -> list[Any]:
    keys: dict[str, Any] = {}
    policies: dict[str, Any] = {}
    for method in PERMISSIONS:
        if method.endswith("IamPolicy"):
            request = getattr(iam_policy_pb2, f"{method}Request")
            policies[method] = _handler(service, method, request.FromString, policy_pb2.Policy.SerializeToString)
        else:
            request = getattr(kms, f"{method}Request")
            answer = _ANSWERS.get(method) or getattr(kms, f"{method}Response")
            keys[method] = _handler(service, method, request.deserialize, answer.serialize)
    return [
        grpc.method_handlers_generic_handler("google.cloud.kms.v1.KeyManagementService", keys),
        grpc.method_handlers_generic_handler("google.iam.v1.IAMPolicy", policies),
    ]


def _handler(service: GcpKms, method: str, read: Callable[..., Any], write: Callable[..., Any]) -> Any:
    def act(request: Any, context: grpc.ServicerContext) -> Any:
        return service.answer(method, request, context)

    return grpc.unary_unary_rpc_method_handler(act, request_deserializer=read, response_serializer=write)


@contextmanager
def served() -> Iterator[tuple[GcpKms, str]]:
    """A KMS in this process, and its address on the loopback."""
    service = GcpKms()
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers(_handlers(service))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield service, f"http://127.0.0.1:{port}"
    finally:
        server.stop(None)
