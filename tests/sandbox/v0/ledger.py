# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger API v1 of Canton 2. Users, identity providers and party records follow the rules of v2 under other names."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from sandbox import acs_export, contracts, party_view
from sandbox.contracts import Active, Contract
from sandbox.errors import CantonError
from sandbox.event_filter import EventFilter, Visible
from sandbox.node import Node
from sandbox.package_store import StoredPackage
from sandbox.services import idp, ledger_packages, parties, users
from sandbox.services.ledger_errors import invalid_argument, missing_field
from sandbox.services.packages import parse
from sandbox.v0 import dar_store, offsets
from sandbox.v0.packages import upload
from sandbox.v0.small_services import display_names, set_display_name

_PACKAGE = "v1.admin"
_ALLOCATION_SECONDS = 30.0


class ActiveContractsService:
    SERVICE = "com.daml.ledger.api.v1.ActiveContractsService"

    def __init__(self, node: Node) -> None:
        self._node = node

    def GetActiveContracts(self, request: Any, context: Any) -> Iterator[Any]:
        """Contracts, and behind them one answer with nothing but the offset at which they were read."""
        self._check_ledger_id(request.ledger_id)
        if not request.HasField("filter"):
            raise missing_field("filter")
        if not request.filter.filters_by_party:
            raise invalid_argument("filtersByParty cannot be empty")
        wanted = EventFilter(request.filter)
        offset = self._offset(request.active_at_offset)
        response = self._node.messages.cls("v1.GetActiveContractsResponse")
        for active, contract in acs_export.rows(self._node, offset):
            visible = wanted.visible(contract)
            if visible is not None:
                answer = response(workflow_id=active.workflow_id)
                _fill_event(answer.active_contracts.add(), active, contract, visible, request.verbose)
                yield answer
        yield response(offset=offsets.text(offset))

    def _check_ledger_id(self, given: str) -> None:
        own = self._node.uid.partition("::")[0]
        if given not in ("", own):
            raise CantonError("LEDGER_ID_MISMATCH", f"Ledger ID '{given}' not found. Actual Ledger ID is '{own}'.")

    def _offset(self, given: str) -> int:
        """The ledger end when none is given."""
        with self._node.db.read() as db:
            end = contracts.ledger_end(db, self._node.name)
            pruned = contracts.pruned_to(db, self._node.name)
        if not given:
            return end
        offset = offsets.number(given)
        if offset is None:
            raise CantonError(
                "NON_HEXADECIMAL_OFFSET", f"Offset in active_at_offset not specified in hexadecimal: {given}"
            )
        if offset > end:
            raise CantonError(
                "OFFSET_AFTER_LEDGER_END",
                f"active_at_offset offset ({given}) is after ledger end ({offsets.text(end)})",
                retry=1,
            )
        if offset < pruned:
            raise CantonError(
                "PARTICIPANT_PRUNED_DATA_ACCESSED",
                f"Active contracts request at offset {given} precedes pruned offset {offsets.text(pruned)}",
                {"earliest_offset": offsets.text(pruned)},
            )
        return offset


def _fill_event(event: Any, active: Active, contract: Contract, visible: Visible, verbose: bool) -> None:
    acs_export.fill_shared(event, contract, visible.witnesses, visible.with_blob)
    event.event_id = f"#{offsets.text(active.created_offset)}:{active.node_id}"
    if contract.package_name:
        event.package_name.value = contract.package_name
    event.agreement_text.SetInParent()
    if verbose:
        event.create_arguments.record_id.CopyFrom(event.template_id)
    _fill_record(event.create_arguments, contracts.create_argument(contract.blob), verbose)


def _fill_record(target: Any, record: Any, verbose: bool) -> None:
    """`verbose` adds labels; the names of the fields are in no blob, so they are numbered."""
    for number, field in enumerate(record.fields, 1):
        entry = target.fields.add(label=f"_{number}" if verbose else "")
        kind = field.value.WhichOneof("sum")
        if kind == "record":
            entry.value.record.SetInParent()
            _fill_record(entry.value.record, field.value.record, verbose)
        elif kind:
            setattr(entry.value, kind, getattr(field.value, kind))


class UserManagementService(users.UserManagementService):
    SERVICE = "com.daml.ledger.api.v1.admin.UserManagementService"
    PACKAGE = _PACKAGE
    MOVED = "UpdateUserIdentityProviderResponse"


class IdentityProviderConfigService(idp.IdentityProviderConfigService):
    SERVICE = "com.daml.ledger.api.v1.admin.IdentityProviderConfigService"
    PACKAGE = _PACKAGE


class PartyManagementService(parties.LedgerPartyManagementService):
    SERVICE = "com.daml.ledger.api.v1.admin.PartyManagementService"
    PACKAGE = _PACKAGE
    MOVED = "UpdatePartyIdentityProviderResponse"

    def _details(self, party: str, is_local: bool, record: Any) -> Any:
        details = super()._details(party, is_local, record)
        details.display_name = display_names(self._node).get(party, "")
        return details

    def AllocateParty(self, request: Any, context: Any) -> Any:
        answer = super().AllocateParty(request, context)
        if request.display_name:
            set_display_name(self._node, answer.party_details.party, request.display_name)
            answer.party_details.display_name = request.display_name
        return answer

    def _synchronizer(self, wanted: str) -> str:
        """A party comes to all domains, so none has to be chosen."""
        if not self._node.connected():
            raise CantonError(
                "PARTY_ALLOCATION_WITHOUT_CONNECTED_DOMAIN",
                "Cannot allocate a party without being connected to a domain",
            )
        return ""

    def _host(self, psid: str, party: str) -> None:
        self._node.v0.host_party(party)
        deadline = time.monotonic() + _ALLOCATION_SECONDS
        while party not in party_view.known_parties(self._node):
            if time.monotonic() > deadline:
                raise CantonError("REQUEST_TIME_OUT", f"Party {party} did not come to a domain in time")
            time.sleep(0.02)


class PackageManagementService(ledger_packages.PackageManagementService):
    SERVICE = "com.daml.ledger.api.v1.admin.PackageManagementService"
    PACKAGE = _PACKAGE

    def _name(self, details: Any, package: StoredPackage) -> None:
        with self._node.db.read() as db:
            details.source_description = dar_store.sources(db, self._node).get(package.package_id, "")

    def UploadDarFile(self, request: Any, context: Any) -> Any:
        """Vets always, waits for the connected domains, and names the DAR after its main package."""
        dar = parse(request.dar_file)
        upload(self._node, dar, f"{dar.main.name}-{dar.main.version}", vet=True, synchronize=True)
        return self._cls("UploadDarFileResponse")()

    def ValidateDarFile(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            dar_store.check(db, self._node, parse(request.dar_file))
        return self._cls("ValidateDarFileResponse")()
