# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""StateService of the ledger API: ledger end, active contracts, connected synchronizers (docs/canton/ledger-api.md#active-contracts)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from sandbox.daml.acs_stream import encode_varint, length_delimited_field
from sandbox.node import event_filter
from sandbox.node.acs_export import rows
from sandbox.node.event_filter import EventFilter
from sandbox.node.ledger_errors import invalid_argument
from sandbox.node.services.service import Service
from sandbox.state import ledger
from sandbox.state.ledger import Active
from sandbox.v30 import acs_export
from sandbox.v30.node import Node
from sandbox.wire import ids
from sandbox.wire.errors import CantonError

_MAX_PAGE = 1000


class StateService(Service[Node]):
    SERVICE = "com.daml.ledger.api.v2.StateService"

    def _ledger_end(self) -> int:
        with self._node.db.read() as db:
            return ledger.ledger_end(db, self._node.name)

    def _pruned_to(self) -> int:
        with self._node.db.read() as db:
            return ledger.pruned_to(db, self._node.name)

    def GetLedgerEnd(self, request: Any, context: Any) -> Any:
        return self._cls("GetLedgerEndResponse")(offset=self._ledger_end())

    def GetLatestPrunedOffsets(self, request: Any, context: Any) -> Any:
        return self._cls("GetLatestPrunedOffsetsResponse")(participant_pruned_up_to_inclusive=self._pruned_to())

    def GetConnectedSynchronizers(self, request: Any, context: Any) -> Any:
        """Without a party: every connected synchronizer. With one: those where this participant hosts it."""
        response = self._cls("GetConnectedSynchronizersResponse")()
        participant = request.participant_id or self._node.uid
        for alias, psid in self._node.connected().items():
            permission = self._node.view.permission(psid, request.party, participant) if request.party else 0
            if permission or not request.party:
                response.connected_synchronizers.add(
                    synchronizer_alias=alias, synchronizer_id=ids.logical(psid), permission=permission
                )
        return response

    # --- active contracts

    def GetActiveContracts(self, request: Any, context: Any) -> Iterator[Any]:
        wanted = event_filter.required(request.event_format, request.HasField("event_format"))
        offset = request.active_at_offset
        self._check_offset(offset, wanted)
        # 3.4 knows no tokens.
        after = _read_token(getattr(request, "stream_continuation_token", b""), offset, wanted)
        if offset:
            yield from self._responses(offset, wanted, after)

    def GetActiveContractsPage(self, request: Any, context: Any) -> Any:
        wanted = event_filter.required(request.event_format, request.HasField("event_format"))
        offset = request.active_at_offset if request.HasField("active_at_offset") else self._ledger_end()
        self._check_offset(offset, wanted)
        size = request.max_page_size or _MAX_PAGE
        if not 0 < size <= _MAX_PAGE:
            raise invalid_argument(f"max_page_size must be between 1 and {_MAX_PAGE}")
        after = _read_token(request.page_token, offset, wanted, "INVALID_ACS_PAGE_TOKEN")
        found = self._responses(offset, wanted, after)
        page = self._cls("GetActiveContractsPageResponse")(active_at_offset=offset)
        for response in found:
            if len(page.active_contracts) == size:
                page.next_page_token = page.active_contracts[-1].stream_continuation_token
                break
            page.active_contracts.append(response)
        return page

    def _check_offset(self, offset: int, wanted: EventFilter) -> None:
        if offset < 0:
            raise CantonError(
                "NEGATIVE_OFFSET", f"Offset {offset} in active_at_offset is a negative integer: must be non-negative"
            )
        end, pruned = self._ledger_end(), self._pruned_to()
        if offset > end:
            raise CantonError(
                "OFFSET_AFTER_LEDGER_END",
                f"active_at_offset offset ({offset}) is after ledger end ({end})",
                {"filters": wanted.text()},
                retry=1,
            )
        if offset < pruned:
            raise CantonError(
                "PARTICIPANT_PRUNED_DATA_ACCESSED",
                f"Active contracts request at offset {offset} precedes pruned offset {pruned}",
                {"earliest_offset": str(pruned)},
            )

    def _responses(self, offset: int, wanted: EventFilter, after: int) -> Iterator[Any]:
        response = self._cls("GetActiveContractsResponse")
        mark = _mark(offset, wanted) if "stream_continuation_token" in response.DESCRIPTOR.fields_by_name else None
        for active, contract in rows(self._node, offset, after):
            visible = wanted.visible(contract)
            if visible is None:
                continue
            answer = response(workflow_id=active.workflow_id)
            if mark is not None:
                answer.stream_continuation_token = _token(active, mark)
            entry = answer.active_contract
            acs_export.fill_event(entry.created_event, active, contract, visible.witnesses, visible.with_blob)
            entry.synchronizer_id = active.synchronizer_id
            yield answer


def _mark(offset: int, wanted: EventFilter) -> bytes:
    """Ties a token to its query."""
    return zlib.crc32(f"{offset} {wanted.text()}".encode()).to_bytes(4, "big")


def _token(active: Active, mark: bytes) -> bytes:
    return length_delimited_field(1, b"\x08" + encode_varint(active.seq)) + length_delimited_field(2, mark)


def _read_token(token: bytes, offset: int, wanted: EventFilter, error: str = "INVALID_CONTINUATION_TOKEN") -> int:
    """The row after which to go on: 0 without a token."""
    if not token:
        return 0
    mark = length_delimited_field(2, _mark(offset, wanted))
    if not token.endswith(mark) or token[:1] != b"\x0a":
        raise CantonError(error, "The token does not belong to this request")
    number = 0
    for position, byte in enumerate(token[3 : -len(mark)]):
        number |= (byte & 0x7F) << 7 * position
    return number
