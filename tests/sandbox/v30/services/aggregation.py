# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TopologyAggregationService: parties and keys across synchronizers (docs/canton/topology.md#parties-and-keys-over-all-synchronizers)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.state import connections, stores
from sandbox.state.topology_v30 import Query
from sandbox.v30 import mappings
from sandbox.v30.node import Node
from sandbox.v30.services.topology_read import participant_matches, party_matches
from sandbox.v30.topology import Row
from sandbox.wire import ids

_SUBMISSION = 1


class TopologyAggregationService(Service[Node]):
    SERVICE = "com.digitalasset.canton.topology.admin.v30.TopologyAggregationService"

    def _rows(self, request: Any, code: int) -> Iterator[tuple[str, Row]]:
        """(psid, row) of the additions in force on the synchronizers asked for."""
        at = request.as_of.ToMicroseconds() if request.HasField("as_of") else ids.now()
        wanted = set(request.synchronizer_ids)
        with self._node.db.read() as connection:
            seen = connections.views(connection, self._node.name)
            for psid in connections.known(connection, self._node.name):
                if wanted and ids.logical(psid) not in wanted and psid not in wanted:
                    continue
                store = stores.synchronizer(psid)
                query = Query([store], frozenset([code]), operation=mappings.ADD, at=at, seen=seen)
                for row in self._node.topology.query(connection, query):
                    yield psid, row

    def ListParties(self, request: Any, context: grpc.ServicerContext) -> Any:
        hosting: dict[str, dict[str, list[tuple[str, int]]]] = {}
        for psid, row in self._rows(request, mappings.PTP):
            for host in row.item.participants:
                _note(hosting, row.item.party, host.participant_uid, psid, host.permission)
        for psid, row in self._rows(request, mappings.DTC):
            uid = row.item.participant_uid
            _note(hosting, uid, uid, psid, _SUBMISSION)
        response = self._node.messages.cls("topology.admin.v30.ListPartiesResponse")()
        for party in sorted(hosting):
            if len(response.results) >= request.limit:
                break
            participants = hosting[party]
            on_wanted = any(participant_matches(uid, request.filter_participant) for uid in participants)
            if party_matches(party, request.filter_party) and on_wanted:
                _add_party(response, party, participants)
        return response

    def ListKeyOwners(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._node.messages.cls("topology.admin.v30.ListKeyOwnersResponse")()
        for psid, row in self._rows(request, mappings.OTK):
            kind, _unused, uid = row.item.member.partition("::")
            fits = kind.startswith(request.filter_key_owner_type) and ids.uid_matches(uid, request.filter_key_owner_uid)
            if not fits or len(response.results) >= request.limit:
                continue
            result = response.results.add(
                synchronizer_id=ids.logical(psid), physical_synchronizer_id=psid, key_owner=row.item.member
            )
            for key in row.item.public_keys:
                which = key.WhichOneof("key")
                keys = result.signing_keys if which == "signing_public_key" else result.encryption_keys
                keys.append(getattr(key, which))
        return response


def _note(
    hosting: dict[str, dict[str, list[tuple[str, int]]]], party: str, uid: str, psid: str, permission: int
) -> None:
    hosting.setdefault(party, {}).setdefault(uid, []).append((psid, permission))


def _add_party(response: Any, party: str, participants: dict[str, list[tuple[str, int]]]) -> None:
    result = response.results.add(party=party)
    for uid, where in participants.items():
        participant = result.participants.add(participant_uid=uid)
        for psid, permission in where:
            participant.synchronizers.add(
                synchronizer_id=ids.logical(psid), physical_synchronizer_id=psid, permission=permission
            )
