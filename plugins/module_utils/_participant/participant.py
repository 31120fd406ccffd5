# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words that modules and procedures use for a participant, whatever release stands behind them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.ledgerops.canton.plugins.module_utils._api.channel import Api, Endpoint

if t.TYPE_CHECKING:
    from ansible_collections.ledgerops.canton.plugins.module_utils._participant.v30 import V30

    Participant = V30
else:
    Participant = object

AUTHORIZED = "authorized"  # the node's own topology store; every other store is named by its logical synchronizer id
BUILTIN_DAR_PREFIX = "canton-builtin-admin-workflow"  # admin-api-3 C6
ADMIN_USER = "participant_admin"  # exists on every node and cannot be created (admin-api-3 C11)


def namespace_of(uid: str) -> str:
    """The namespace of ``identifier::namespace`` (admin-api-3 B1)."""
    return uid.rpartition("::")[2]


@dataclass(frozen=True)
class Identity:
    uid: str
    initialized: bool
    active: bool
    version: str
    waiting_for: str
    protocol_versions: tuple[int, ...]

    @property
    def namespace(self) -> str:
        return namespace_of(self.uid)


@dataclass(frozen=True)
class Synchronizer:
    """A registered synchronizer. ``physical_id`` is empty before the first connect (admin-api-3 C7)."""

    alias: str
    physical_id: str
    connected: bool
    healthy: bool
    manual_connect: bool

    @property
    def id(self) -> str:
        """The logical id: identifier and namespace, without protocol version and serial."""
        return "::".join(self.physical_id.split("::")[:2])

    @property
    def protocol_version(self) -> int | None:
        number = self.physical_id.rpartition("::")[2].partition("-")[0]
        return int(number) if number.isdigit() else None


@dataclass(frozen=True)
class Key:
    """A key pair of the vault or a public key. ``public_key`` is a serialized crypto ``PublicKey``, ``der`` its SPKI."""

    fingerprint: str
    name: str
    purpose: str
    usage: tuple[str, ...]
    spec: str
    kms_key_id: str
    public_key: bytes
    der: bytes


@dataclass(frozen=True)
class Delegation:
    """A NamespaceDelegation in force. ``restriction`` is ``all``, ``all_but_namespace_delegations`` or ``specific``."""

    namespace: str
    target: str
    restriction: str
    serial: int

    @property
    def is_root_certificate(self) -> bool:
        return self.namespace == self.target


@dataclass(frozen=True)
class SignedDelegation:
    """A stored, signed NamespaceDelegation: what another node can load. ``signed`` is a serialized SignedTopologyTransaction."""

    delegation: Delegation
    signed: bytes


@dataclass(frozen=True)
class Host:
    """One participant that hosts a party; ``permission`` is ``submission``, ``confirmation`` or ``observation``."""

    participant: str
    permission: str
    onboarding: bool = False


@dataclass(frozen=True)
class Hosting:
    """A PartyToParticipant mapping. ``signing_keys`` is the serialized keys-with-threshold of an external party, or empty."""

    party: str
    threshold: int
    hosts: tuple[Host, ...]
    signing_keys: bytes = b""

    def host(self, participant: str) -> Host | None:
        return next((host for host in self.hosts if host.participant == participant), None)


@dataclass(frozen=True)
class Dar:
    main: str
    name: str
    version: str
    description: str = ""

    @property
    def builtin(self) -> bool:
        return self.name.startswith(BUILTIN_DAR_PREFIX)


@dataclass(frozen=True)
class ActiveContract:
    """One entry of the active contract set. ``incomplete`` means an unfinished reassignment (admin-api-3 C11)."""

    contract_id: str
    synchronizer: str
    package_id: str
    stakeholders: frozenset[str]
    incomplete: bool = False


@dataclass(frozen=True)
class Right:
    """A user right; ``party`` is empty for rights that name none."""

    kind: str
    party: str = ""

    def __str__(self) -> str:
        return f"{self.kind}({self.party})" if self.party else self.kind


@dataclass(frozen=True)
class User:
    id: str
    primary_party: str = ""
    deactivated: bool = False
    identity_provider: str = ""
    annotations: tuple[tuple[str, str], ...] = ()
    primary_party_authentication: bool = False
    rights: frozenset[Right] = field(default_factory=frozenset)


@dataclass(frozen=True)
class IdentityProvider:
    id: str
    issuer: str
    jwks_url: str
    audience: str
    deactivated: bool


@dataclass(frozen=True)
class LocalParty:
    """What the ledger API keeps about a party on one node (admin-api-3 C11)."""

    party: str
    is_local: bool
    annotations: tuple[tuple[str, str], ...] = ()
    identity_provider: str = ""


@dataclass(frozen=True)
class Pong:
    success: bool
    millis: int = 0
    responder: str = ""
    reason: str = ""


def open_participant(admin: Endpoint, ledger: Endpoint | None) -> V30:
    """The participant behind these endpoints. Nothing is sent before the first call."""
    from ansible_collections.ledgerops.canton.plugins.module_utils._participant.v30 import V30

    return V30(Api(admin), Api(ledger) if ledger else None)
