# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TopologyAggregationService: parties and keys over all domains."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import grpc

from sandbox.node.services.service import Service
from sandbox.state import connections, stores
from sandbox.v0 import elements
from sandbox.v0.node import Node
from sandbox.wire import ids


class TopologyAggregationService(Service[Node]):
    SERVICE = "com.digitalasset.canton.topology.admin.v0.TopologyAggregationService"

    def _domains(self, db: sqlite3.Connection, request: Any) -> Iterator[str]:
        for domain_id in connections.known(db, self._node.name):
            if domain_id.startswith(request.filter_domain):
                yield domain_id

    @staticmethod
    def _at(request: Any) -> int:
        return int(request.as_of.ToMicroseconds()) if request.HasField("as_of") else ids.now()

    def ListParties(self, request: Any, context: grpc.ServicerContext) -> Any:
        found: dict[str, dict[str, list[tuple[str, int]]]] = {}
        with self._node.db.read() as db:
            for domain_id in self._domains(db, request):
                store = stores.synchronizer(domain_id)
                for party, hosts in self._node.view.hosted_parties(db, store, self._at(request)).items():
                    for uid, permission in hosts.items():
                        if party.startswith(request.filter_party) and uid.startswith(request.filter_participant):
                            found.setdefault(party, {}).setdefault(uid, []).append((domain_id, permission))
        response = self._node.messages.cls("topology.admin.v0.ListPartiesResponse")()
        for party in sorted(found)[: request.limit]:
            result = response.results.add(party=party)
            for uid, domains in found[party].items():
                participant = result.participants.add(participant=f"PAR::{uid}")
                for domain_id, permission in domains:
                    participant.domains.add(domain=domain_id, permission=permission)
        return response

    def ListKeyOwners(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = self._node.messages.cls("topology.admin.v0.ListKeyOwnersResponse")()
        with self._node.db.read() as db:
            for domain_id in self._domains(db, request):
                for owner, public_keys in self._owners(db, domain_id, request).items():
                    if len(response.results) >= request.limit:
                        return response
                    result = response.results.add(domain=domain_id, key_owner=owner)
                    for key in public_keys:
                        which = key.WhichOneof("key")
                        into = result.signing_keys if which == "signing_public_key" else result.encryption_keys
                        into.append(getattr(key, which))
        return response

    def _owners(self, db: sqlite3.Connection, domain_id: str, request: Any) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        store = stores.synchronizer(domain_id)
        for row in self._node.topology.effective(db, store, elements.OTK, self._at(request)):
            owner = row.item.key_owner
            wanted = owner[:3].startswith(request.filter_key_owner_type)
            if wanted and elements.bare(owner).startswith(request.filter_key_owner_uid):
                found.setdefault(owner, []).append(row.item.public_key)
        return found
