# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both participants of one host, past Ansible: what the suite makes on them, reads from them and takes away again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.ledgerops.canton.plugins.module_utils import _connection
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.node import LedgerAdmin
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    ActiveContract,
    Dar,
    Right,
    User,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology import synchronizers
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology.delegation import namespace_key
from ansible_collections.ledgerops.canton.plugins.module_utils._waiting import wait_for

WAIT_SECONDS = 120.0
_LEDGER = {2: "com.daml.ledger.api.v1.", 3: "com.daml.ledger.api.v2."}
_SUBMISSION = 1  # the same number in every release
_BOTH_SIDES, _REMOVE = 1, 1  # RequestSide and TopologyChangeOp of Canton 2
_NOTE = {"made-by": "qualify"}


class Node:
    """One participant and the synchronizer that matters, by its alias."""

    def __init__(self, options: Mapping[str, Any], label: str, alias: str) -> None:
        checked = ArgumentSpecValidator(_connection.connection_spec(from_environment=False)).validate(dict(options))
        if checked.error_messages:
            raise CantonError(f"The options of the {label} are wrong: {'; '.join(checked.error_messages)}")
        client = _connection.participant_of(checked.validated_parameters, label)
        assert isinstance(client, LedgerAdmin)  # for calls that the collection itself never makes
        self.client = client
        self.label, self.alias = label, alias
        self.identity = self.client.identity()

    @property
    def uid(self) -> str:
        return self.identity.uid

    @property
    def store(self) -> str:
        return synchronizers.known_id(self.client, self.alias)

    def _admin_service(self, name: str) -> str:
        return f"{_LEDGER[self.client.major]}admin.{name}"

    # -- reading --------------------------------------------------------------------------------------------------

    def connections(self) -> dict[str, tuple[bool, bool]]:
        """Alias: whether it is connected, and whether it stays off after a restart."""
        return {item.alias: (item.connected, item.manual_connect) for item in self.client.synchronizers()}

    def users(self, prefix: str) -> dict[str, User]:
        return {user.id: user for user in self.client.users("") if user.id.startswith(prefix)}

    def hosted(self, prefix: str) -> dict[str, str]:
        """Party: permission of this node, for the hosted parties whose names begin so."""
        found = {item.party: item.host(self.uid) for item in self.client.hostings(self.store, self.uid)}
        return {party: host.permission for party, host in found.items() if host and party.startswith(prefix)}

    def active_contracts(self, prefix: str) -> list[ActiveContract]:
        """Contracts of the parties whose names begin so and that the ledger API knows as local."""
        known = self.client.local_parties()
        parties = sorted(item.party for item in known if item.is_local and item.party.startswith(prefix))
        # no party would mean every party in one release and nothing in another
        return list(self.client.active_contracts(parties, self.client.ledger_end())) if parties else []

    def contracts(self, prefix: str) -> dict[str, set[str]]:
        """The ids of these contracts by party."""
        found: dict[str, set[str]] = {}
        for contract in self.active_contracts(prefix):
            for party in contract.stakeholders:
                if party.startswith(prefix):
                    found.setdefault(party, set()).add(contract.contract_id)
        return found

    def dars(self) -> list[Dar]:
        return sorted((dar for dar in self.client.dars() if not dar.builtin), key=lambda dar: (dar.name, dar.version))

    def look(self, prefix: str, namespace: str) -> dict[str, Any]:
        """Everything that a migration could change here, to be compared with a later look."""
        return {
            "connections": self.connections(),
            "delegations": [self.client.delegations(store, namespace) for store in (AUTHORIZED, self.store)],
            "hosted parties": self.hosted(prefix),
            "contracts": self.contracts(prefix),
            "DARs": self.dars(),
            "vetted packages": self.client.vettings(self.store, self.uid),
            "users": self.users(prefix),
        }

    # -- making ---------------------------------------------------------------------------------------------------

    def make_parties(self, hints: Sequence[str]) -> list[str]:
        """Parties in this node's namespace, noted on the ledger API and shown by the synchronizer."""
        service, ledger = self._admin_service("PartyManagementService"), self.client.ledger
        request = self._admin_service("AllocatePartyRequest")
        offered: dict[str, Any] = {"local_metadata": {"annotations": _NOTE}, "synchronizer_id": self.store}
        fields = {name: value for name, value in offered.items() if ledger.has_field(request, name)}
        made = [
            str(ledger.write(service + "/AllocateParty", party_id_hint=hint, **fields).party_details.party)
            for hint in hints
        ]
        if not wait_for(lambda: set(made) <= self.hosted("").keys(), WAIT_SECONDS):
            raise CantonError(f"The {self.label} made parties that its synchronizer does not show")
        return made

    def make_user(self, name: str, parties: Sequence[str]) -> None:
        rights = {Right("can_act_as", parties[0]), *(Right("can_read_as", party) for party in parties[1:])}
        notes = tuple(_NOTE.items())
        self.client.create_user(User(name, primary_party=parties[0], annotations=notes, rights=frozenset(rights)))

    # -- taking away ----------------------------------------------------------------------------------------------

    def reconnect(self, before: Mapping[str, tuple[bool, bool]]) -> None:
        """Bring every synchronizer of ``before`` back to how it was."""
        now = self.connections()
        for alias, (connected, manual) in before.items():
            if now[alias][0] != connected:
                synchronizers.set_connected(self.client, alias, connected, WAIT_SECONDS)
            if now[alias][1] != manual:
                self.client.set_manual_connect(alias, manual)

    def delete_users(self, prefix: str) -> None:
        for name in self.users(prefix):
            self.client.ledger.write(self._admin_service("UserManagementService") + "/DeleteUser", user_id=name)

    def unhost(self, party: str) -> str:
        """Take a party of the suite off this node; the reason when the node refuses, as it does while it has contracts."""
        try:
            if self.client.major == 2:
                self._remove_2(party)
            else:
                self._remove_3(party)
        except CantonError as exc:
            return exc.error_id or exc.message
        gone = wait_for(lambda: party not in self.hosted(party), WAIT_SECONDS)
        return "" if gone else "the synchronizer still shows it"

    def _remove_2(self, party: str) -> None:
        self.client.admin.write(
            "com.digitalasset.canton.topology.admin.v0.TopologyManagerWriteService/AuthorizePartyToParticipant",
            authorization={"change": _REMOVE},
            side=_BOTH_SIDES,
            party=party,
            participant=f"PAR::{self.uid}",
            permission=_SUBMISSION,
        )

    def _remove_3(self, party: str) -> None:
        host = {"participant_uid": self.uid, "permission": _SUBMISSION}
        mapping = {"party_to_participant": {"party": party, "threshold": 1, "participants": [host]}}
        self.client.admin.write(
            "com.digitalasset.canton.topology.admin.v30.TopologyManagerWriteService/Authorize",
            proposal={"change": "TOPOLOGY_CHANGE_OP_REMOVE", "mapping": mapping},
            must_fully_authorize=True,
            store={"synchronizer": {"id": self.store}},
        )


def delegated(source: Node, target: Node) -> bool:
    """Whether the source's namespace is delegated to the target's key already."""
    key = namespace_key(target.client, target.uid).fingerprint
    listed = source.client.delegations(AUTHORIZED, source.identity.namespace)
    return any(item.target == key for item in listed)
