# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TopologyManagerWriteService: all into the Authorized store (docs/canton/canton-2.md#writing-signed-transactions)."""

from __future__ import annotations

from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.v0 import elements
from sandbox.v0.elements import Element
from sandbox.v0.node import Node
from sandbox.wire import ids
from sandbox.wire.errors import BareError, CantonError, field_not_set, proto_failure


class TopologyManagerWriteService(Service[Node]):
    SERVICE = "com.digitalasset.canton.topology.admin.v0.TopologyManagerWriteService"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._manager = node.manager
        self._addition = node.messages.cls("topology.admin.v0.AdditionSuccess")
        self._success = node.messages.cls("topology.admin.v0.AuthorizationSuccess")

    def _authorize(self, request: Any, kind: str, message: str, **fields: Any) -> Any:
        if not request.HasField("authorization"):
            raise field_not_set("authorization")
        data = request.authorization
        element = Element(kind, self._node.messages.cls(f"protocol.v0.{message}")(**fields))
        transaction = self._manager.authorize(
            data.change, element, data.signed_by, data.replace_existing, data.force_change
        )
        return self._success(serialized=transaction.data)

    def _signing_key(self, fingerprint: str) -> Any:
        found = self._node.vault.find(fingerprint)
        if found is None or found.signing is None:
            raise _no_public_key(fingerprint)
        return found.signing

    def AuthorizePartyToParticipant(self, request: Any, context: grpc.ServicerContext) -> Any:
        _check_side(request.side)
        _check_permission(request.permission)
        _check_uid(request.party, "party")
        _check_participant(request.participant)
        if request.participant == f"PAR::{request.party}":
            # Canton forgot to make an error of this one: a party can't have the name of an admin party.
            raise BareError(grpc.StatusCode.UNKNOWN, "Application error processing RPC")
        return self._authorize(
            request,
            elements.PTP,
            "PartyToParticipant",
            side=request.side,
            party=request.party,
            participant=request.participant,
            permission=request.permission,
        )

    def AuthorizeOwnerToKeyMapping(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.key_owner[:5] not in ("PAR::", "SEQ::", "MED::", "DOM::"):
            raise proto_failure(f"ValueConversionError(key_owner,Invalid key owner `{request.key_owner}`)")
        _check_uid(elements.bare(request.key_owner), "key_owner")
        found = self._node.vault.find(request.fingerprint_of_key)
        if found is None:
            raise _no_public_key(request.fingerprint_of_key)
        return self._authorize(
            request, elements.OTK, "OwnerToKeyMapping", key_owner=request.key_owner, public_key=found.public
        )

    def AuthorizeNamespaceDelegation(self, request: Any, context: grpc.ServicerContext) -> Any:
        fingerprint = request.fingerprint_of_authorized_key
        return self._authorize(
            request,
            elements.NSD,
            "NamespaceDelegation",
            namespace=request.namespace,
            target_key=self._signing_key(fingerprint),
            is_root_delegation=request.is_root_delegation or request.namespace == fingerprint,
        )

    def AuthorizeIdentifierDelegation(self, request: Any, context: grpc.ServicerContext) -> Any:
        _check_uid(request.identifier, "identifier")
        return self._authorize(
            request,
            elements.IDD,
            "IdentifierDelegation",
            unique_identifier=request.identifier,
            target_key=self._signing_key(request.fingerprint_of_authorized_key),
        )

    def AuthorizeVettedPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._packages(request, elements.VTP, "VettedPackages")

    def AuthorizeCheckOnlyPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._packages(request, elements.CHECK_ONLY, "CheckOnlyPackages")

    def _packages(self, request: Any, kind: str, message: str) -> Any:
        _check_uid(request.participant, "participant")
        return self._authorize(
            request, kind, message, participant=request.participant, package_ids=list(request.package_ids)
        )

    def AuthorizeParticipantDomainState(self, request: Any, context: grpc.ServicerContext) -> Any:
        _check_side(request.side)
        _check_permission(request.permission)
        _check_uid(request.domain, "domain")
        _check_participant(request.participant)
        if not request.trust_level:
            raise field_not_set("trust_level")
        return self._authorize(
            request,
            elements.STATE,
            "ParticipantState",
            side=request.side,
            domain=request.domain,
            participant=elements.bare(request.participant),
            permission=request.permission,
            trust_level=request.trust_level,
        )

    def AuthorizeMediatorDomainState(self, request: Any, context: grpc.ServicerContext) -> Any:
        _check_side(request.side)
        _check_uid(request.domain, "domain")
        _check_uid(request.mediator, "mediator")
        return self._authorize(
            request,
            elements.MEDIATOR,
            "MediatorDomainState",
            side=request.side,
            domain=request.domain,
            mediator=request.mediator,
        )

    def AuthorizeDomainParametersChange(self, request: Any, context: grpc.ServicerContext) -> Any:
        """A participant has no authority over a domain."""
        _check_uid(request.domain, "domain")
        raise CantonError(
            "NO_APPROPRIATE_SIGNING_KEY_IN_STORE",
            "Could not find an appropriate signing key to issue the topology transaction",
            {"candidates": "List()"},
        )

    def AddSignedTopologyTransaction(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._manager.add(request.serialized)
        return self._addition()


def _no_public_key(fingerprint: str) -> CantonError:
    return CantonError(
        "PUBLIC_KEY_NOT_IN_STORE",
        "Public key with given fingerprint is missing in the public key store",
        {"keyId": ids.short(fingerprint)},
    )


def _check_side(side: int) -> None:
    if side not in (elements.BOTH, elements.FROM, elements.TO):
        raise field_not_set("side")


def _check_permission(permission: int) -> None:
    if permission not in range(elements.SUBMISSION, elements.DISABLED + 1):
        raise field_not_set("permission")


def _check_uid(text: str, field: str) -> None:
    if not ids.is_uid(text):
        raise proto_failure(f"ValueConversionError({field},Invalid unique identifier `{text}`)")


def _check_participant(text: str) -> None:
    if not text.startswith("PAR::"):
        raise proto_failure(f"ValueConversionError(participant,Invalid keyOwner `{text}`: expected PAR::)")
    _check_uid(text[5:], "participant")
