# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions on a running network: contracts that an application creates and archives meanwhile.

A transaction goes through one synchronizer. It reaches every participant that hosts a stakeholder there, by the mapping
that is in force at that time: those that are connected at once, the others when they connect again.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sandbox.cli import lines
from sandbox.cli.control import NetworkError
from sandbox.daml import contracts
from sandbox.node import seed
from sandbox.node.node import Node
from sandbox.node.view import Hosting
from sandbox.state import connections, ledger, participants, synchronizers, transactions
from sandbox.state.transactions import Event
from sandbox.wire import ids

_CONFIRMING = (1, 2)
_SUBMISSION = 1

Result = TypeVar("Result")


class Refused(NetworkError):
    """Why there was no transaction."""


@dataclass(frozen=True)
class _Rejected:
    """The request was sequenced, but not confirmed."""

    reason: str


class _Pending(Exception):
    """So many microseconds until the newest topology change is in effect."""

    def __init__(self, microseconds: int) -> None:
        super().__init__(microseconds)
        self.microseconds = microseconds


# --- what an application does


def create(
    state: Path,
    name: str,
    signatories: Sequence[str],
    observers: Sequence[str] = (),
    count: int = 1,
    template: str = "Iou:Iou",
    dar: str | None = None,
    synchronizer: str | None = None,
) -> list[str]:
    """Create contracts through a participant; their ids (hex), in the order of creation.

    Parties are whole ids or names as in the topology file; without ``dar`` the first of the participant is meant, without
    ``synchronizer`` (a name of the topology file) the first connected one on which the transaction can be. Raises
    Refused.
    """
    node = _node(state, name)
    line = lines.line_of(node.release)

    def work(db: sqlite3.Connection, psid: str) -> list[str] | _Rejected:
        hosting = node.view.hosting(psid)
        signing = [_party(node, hosting, party) for party in signatories]
        watching = [_party(node, hosting, party) for party in observers]
        if not signing:
            raise Refused("a contract needs a signatory")
        try:
            main = seed.main_package(db, node, line, dar)
        except ValueError as error:
            raise Refused(str(error)) from error
        receivers, unconfirmed = _check(node, db, psid, hosting, signing, [*signing, *watching], main.main)
        if unconfirmed:
            transactions.deliver_request(db, psid, receivers)
            return _Rejected(unconfirmed)
        made = []
        for number, created_at in zip(range(count), itertools.count(ids.now()), strict=False):
            contract = contracts.make_contract(
                f"{node.uid}/{uuid.uuid4()}".encode(),
                package_id=main.main,
                package_name=main.name,
                template=template,
                signatories=signing,
                observers=watching,
                created_at=created_at,
                number=number + 1,
            )
            made.append(line.seeding.contract(node, contract))
        transactions.deliver(db, psid, receivers, [Event(contract, main.main) for contract in made])
        return [contract.contract_id.hex() for contract in made]

    return _on_first(node, work, synchronizer)


def archive(state: Path, name: str, contract_ids: Iterable[str], synchronizer: str | None = None) -> None:
    """Archive contracts that are active on a participant, in one transaction each. Raises Refused, and then archived
    none."""
    node = _node(state, name)
    wanted = []
    for text in dict.fromkeys(contract_ids):
        parsed = contracts.parse_contract_id(text)
        if parsed is None:
            raise Refused(f"{text} is no contract id")
        wanted.append(parsed)

    def work(db: sqlite3.Connection, psid: str) -> _Rejected | None:
        hosting = node.view.hosting(psid)
        archived = []
        for contract_id in wanted:
            found = ledger.newest(db, name, contract_id)
            if found is None or found[1] is not None or found[0].synchronizer_id != ids.logical(psid):
                raise Refused(f"contract {contract_id.hex()} is not active on {name} and {ids.short(psid)}")
            contract = contracts.parse_blob(found[0].blob)
            package = found[0].representative_package_id
            receivers, unconfirmed = _check(
                node, db, psid, hosting, contract.signatories, contract.stakeholders, package
            )
            if unconfirmed:
                transactions.deliver_request(db, psid, receivers)
                return _Rejected(unconfirmed)
            archived.append((receivers, Event(contract, package, archived=True)))
        for receivers, event in archived:
            transactions.deliver(db, psid, receivers, [event])
        return None

    _on_first(node, work, synchronizer)


# --- where a transaction can be


def _node(state: Path, name: str) -> Node:
    try:
        node = lines.node(name, state)
    except KeyError as error:
        raise Refused(str(error.args[0])) from error
    return node


def _on_first(
    node: Node, work: Callable[[sqlite3.Connection, str], Result | _Rejected], synchronizer: str | None
) -> Result:
    """Do the work on the first connected synchronizer that does not refuse it."""
    with node.db.read() as db:
        psids = [psid for psid in node.connected().values() if connections.is_online(db, node.name, psid)]
        names = synchronizers.names(db)
    if synchronizer is not None:
        psids = [psid for psid in psids if names[psid] == synchronizer]
    if not psids:
        raise Refused(f"participant {node.name} is not connected to {synchronizer or 'any synchronizer'}")
    reasons = []
    for psid in psids:
        # the KMS may be asked here, and not while the state is locked
        obstacle = node.submission_obstacle(psid)
        if obstacle:
            reasons.append(f"{names[psid]}: {obstacle}")
            continue
        try:
            result = _after_topology(node, psid, work)
        except Refused as error:
            reasons.append(f"{names[psid]}: {error}")
            continue
        if isinstance(result, _Rejected):
            raise Refused(f"{names[psid]}: {result.reason}")
        return result
    raise Refused("; ".join(reasons))


def _after_topology(node: Node, psid: str, work: Callable[[sqlite3.Connection, str], Result]) -> Result:
    """Do the work once all that is sequenced is in effect: no transaction comes between a change and its effect."""
    while True:
        try:
            with node.db.write() as db:
                newest = node.view.newest_effect(db, psid)
                if newest > ids.now():
                    raise _Pending(newest - ids.now())
                return work(db, psid)
        except _Pending as pending:
            time.sleep(max(0, pending.microseconds) / 1_000_000)


def _party(node: Node, hosting: dict[str, Hosting], name: str) -> str:
    """The whole id: of the node's own namespace when there is such a party, else of the only party with this name."""
    if "::" in name:
        return name
    found = [party for party in hosting if ids.split(party)[0] == name]
    own = f"{name}::{node.namespace}"
    if own in found:
        return own
    if len(found) != 1:
        raise Refused(f"{len(found)} parties on the synchronizer are named {name}; one is wanted, or a whole id")
    return found[0]


def _check(
    node: Node,
    db: sqlite3.Connection,
    psid: str,
    hosting: dict[str, Hosting],
    signatories: Sequence[str],
    stakeholders: Sequence[str],
    package_id: str,
) -> tuple[dict[str, str], str]:
    """The names of the participants that get the transaction, each with the key that it is encrypted for, and why it will be
    rejected although it is sent. Raises Refused when the synchronizer would not let it happen."""
    missing = [party for party in stakeholders if not hosting.get(party)]
    if missing:
        raise Refused(f"{_listed(missing)} is hosted by no participant")
    if not any(hosting[party].hosts.get(node.uid) == _SUBMISSION for party in signatories):
        raise Refused(f"{node.name} hosts none of {_listed(signatories)} with submission permission")
    uids = dict.fromkeys(uid for party in stakeholders for uid in (*hosting[party].hosts, *hosting[party].onboarding))
    unvetted = [uid for uid in uids if package_id not in node.view.vetted(psid, uid)]
    if unvetted:
        raise Refused(f"package {package_id} is not vetted by {_listed(unvetted)}")
    names = participants.names(db, uids)
    keys = {name: node.encryption_key(psid, uid) for uid in uids for name in names[uid]}
    able = {uid for uid in uids if any(_confirms(node, db, psid, name) for name in names[uid])}
    reading = {uid for uid in able if any(transactions.reads(db, name, psid, keys[name]) for name in names[uid])}
    unconfirmed = ""
    for party in signatories:
        confirming = [uid for uid, permission in hosting[party].hosts.items() if permission in _CONFIRMING]
        if len(able.intersection(confirming)) < hosting[party].threshold:
            raise Refused(f"too few of the participants that confirm for {ids.short(party)} are connected and can sign")
        if len(reading.intersection(confirming)) < hosting[party].threshold:
            unconfirmed = f"too few of the participants that confirm for {ids.short(party)} can decrypt the request"
    return keys, unconfirmed


def _confirms(node: Node, db: sqlite3.Connection, psid: str, name: str) -> bool:
    return connections.is_online(db, name, psid) and node.may_confirm(psid, name)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(ids.short, names))
