# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PartyManagementService of the ledger API: parties known through topology, and local notes on them (docs/canton/ledger-api.md#parties)."""

from __future__ import annotations

import json
import sqlite3
import uuid
from abc import ABC, abstractmethod
from typing import Any

from sandbox.node.ledger_errors import (
    ANNOTATIONS_BYTES,
    annotations_size,
    invalid_argument,
    invalid_field,
    merge_annotations,
    missing_field,
    page,
    update_paths,
)
from sandbox.node.services import idp
from sandbox.node.services.service import N, Service
from sandbox.state import party_records, users
from sandbox.wire import crypto, ids
from sandbox.wire.errors import CantonError

_MAX_PAGE = 10_000
# Canton hashes the allocation into the id that stands for the request; any purpose that nothing else has will do.
_PURPOSE_ALLOCATION = 0
_ANNOTATIONS = "local_metadata.annotations"


class PartyManagementService(Service[N], ABC):
    # The answer to UpdatePartyIdentityProviderId.
    MOVED: str

    def _details(self, party: str, is_local: bool, record: sqlite3.Row | None) -> Any:
        details = self._cls("PartyDetails")(party=party, is_local=is_local)
        details.local_metadata.SetInParent()
        if record is not None:
            details.local_metadata.resource_version = str(record["resource_version"])
            details.local_metadata.annotations.update(json.loads(record["annotations"]))
            details.identity_provider_id = record["identity_provider_id"]
        return details

    def _records(self) -> dict[str, sqlite3.Row]:
        with self._node.db.read() as db:
            return party_records.everyone(db, self._node.name)

    # --- reading

    def GetParticipantId(self, request: Any, context: Any) -> Any:
        return self._cls("GetParticipantIdResponse")(participant_id=self._node.uid)

    def GetParties(self, request: Any, context: Any) -> Any:
        if not request.parties:
            raise missing_field("parties")
        known, records = self._node.view.known_parties(), self._records()
        found = [self._details(p, known[p], records.get(p)) for p in request.parties if p in known]
        return self._cls("GetPartiesResponse")(
            party_details=[d for d in found if _in_provider(d, request.identity_provider_id)]
        )

    def ListKnownParties(self, request: Any, context: Any) -> Any:
        known, records = self._node.view.known_parties(), self._records()
        details = [
            self._details(party, local, records.get(party))
            for party, local in known.items()
            if party.startswith(getattr(request, "filter_party", ""))
        ]
        wanted = [each for each in details if _in_provider(each, request.identity_provider_id)]
        chosen, token = page(wanted, lambda each: str(each.party), request.page_size, request.page_token, _MAX_PAGE)
        return self._cls("ListKnownPartiesResponse")(party_details=chosen, next_page_token=token)

    # --- writing

    def AllocateParty(self, request: Any, context: Any) -> Any:
        hint = request.party_id_hint or f"party-{uuid.uuid4()}"
        party = f"{hint}::{self._node.namespace}"
        if "::" in hint or len(party) > 255:
            raise invalid_field("party_id_hint", f"Party id hint {hint} is not a valid identifier")
        psid = self._synchronizer(getattr(request, "synchronizer_id", ""))
        if party in self._node.view.known_parties():
            raise _already_allocated(hint, party)
        with self._node.db.read() as db:
            idp.require(db, self._node.name, request.identity_provider_id)
        self._host(psid, party)
        with self._node.db.write() as db:
            annotations = dict(request.local_metadata.annotations)
            party_records.put(db, self._node.name, party, annotations, request.identity_provider_id)
            user_id = getattr(request, "user_id", "")
            if user_id:
                users.add_rights(db, self._node.name, user_id, [("can_act_as", party)])
            record = party_records.get(db, self._node.name, party)
        return self._cls("AllocatePartyResponse")(party_details=self._details(party, True, record))

    @abstractmethod
    def _synchronizer(self, wanted: str) -> str:
        """Where a new party is to be hosted."""

    @abstractmethod
    def _host(self, psid: str, party: str) -> None:
        """Host a party on this participant, and wait until it is in effect."""

    def UpdatePartyDetails(self, request: Any, context: Any) -> Any:
        if not request.HasField("party_details"):
            raise missing_field("party_details")
        if not request.HasField("update_mask"):
            raise missing_field("update_mask")
        details = request.party_details
        update_paths(request.update_mask, [_ANNOTATIONS], "INVALID_PARTY_DETAILS_UPDATE_REQUEST")
        known = self._node.view.known_parties()
        if details.party not in known:
            raise _not_found(details.party)
        with self._node.db.write() as db:
            record = party_records.get(db, self._node.name, details.party)
            version = str(record["resource_version"]) if record else ""
            if details.local_metadata.resource_version not in ("", version):
                raise CantonError(
                    "CONCURRENT_PARTY_DETAILS_UPDATE_DETECTED",
                    f"Update operation for party '{details.party}' failed due to a concurrent update to the same party",
                )
            old = json.loads(record["annotations"]) if record else {}
            annotations = merge_annotations(old, details.local_metadata.annotations.items())
            if annotations_size(annotations) > ANNOTATIONS_BYTES:
                raise CantonError(
                    "MAX_PARTY_DETAILS_ANNOTATIONS_SIZE_EXCEEDED", "Maximum annotations size of 256kb has been exceeded"
                )
            provider = record["identity_provider_id"] if record else ""
            party_records.put(db, self._node.name, details.party, annotations, provider)
            updated = party_records.get(db, self._node.name, details.party)
        answer = self._details(details.party, known[details.party], updated)
        return self._cls("UpdatePartyDetailsResponse")(party_details=answer)

    def UpdatePartyIdentityProviderId(self, request: Any, context: Any) -> Any:
        if request.party not in self._node.view.known_parties():
            raise _not_found(request.party)
        with self._node.db.write() as db:
            idp.require(db, self._node.name, request.source_identity_provider_id)
            idp.require(db, self._node.name, request.target_identity_provider_id)
            record = party_records.get(db, self._node.name, request.party)
            if (record["identity_provider_id"] if record else "") != request.source_identity_provider_id:
                raise _not_found(request.party)
            annotations = json.loads(record["annotations"]) if record else {}
            party_records.put(db, self._node.name, request.party, annotations, request.target_identity_provider_id)
        return self._cls(self.MOVED)()


def _in_provider(details: Any, provider: str) -> bool:
    """The default provider sees all parties, any other its own ones."""
    return not provider or details.identity_provider_id == provider


def _not_found(party: str) -> CantonError:
    return CantonError(
        "PARTY_NOT_FOUND", f"Party: '{party}' was not found when updating a party record", resource=("PARTY", party)
    )


def _already_allocated(hint: str, party: str) -> CantonError:
    submission = crypto.multihash(_PURPOSE_ALLOCATION, party.encode()).hex()
    return invalid_argument(
        f"Party already exists: party {ids.short(party)} is already allocated on this node",
        submission,
        {"parties": f"['{hint}']", "submissionId": f"'{submission}'"},
    )
