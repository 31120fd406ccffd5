# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data that modules and procedures read from a participant, independent of its release."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .ids import namespace_of

# A point in the ledger: a number in Canton 3, an opaque text in Canton 2. Falsy: the beginning.
Offset = t.Union[int, str]

Permission = t.Literal["submission", "confirmation", "observation", "unspecified"]
Restriction = t.Literal["all", "all_but_namespace_delegations", "specific"]
# What a node waits for before it is initialised
WaitingFor = t.Literal["", "id", "node_topology", "initialization"]

AUTHORIZED = "authorized"  # the node's own topology store; every other store is named by its logical synchronizer id
# The component of a node without a database (docs/canton/identity-and-start.md#storage-as-a-component)
MEMORY_STORAGE = "memory_storage"
BUILTIN_DAR_PREFIXES = ("canton-builtin-admin-workflow", "AdminWorkflows")  # docs/canton/packages.md#built-in-dars
# What only an operator can give a node that waits (docs/canton/identity-and-start.md#status-of-a-node)
OPERATORS_TURN = ("id", "node_topology")
ADMIN_USER = "participant_admin"  # cannot be created (docs/canton/ledger-api.md#the-user-participant_admin)


@dataclass(frozen=True)
class Identity:
    uid: str
    initialized: bool
    active: bool
    version: str = ""
    waiting_for: WaitingFor = ""
    protocol_versions: tuple[int, ...] = ()

    @property
    def namespace(self) -> str:
        return namespace_of(self.uid)


@dataclass(frozen=True)
class Synchronizer:
    """A registered synchronizer (a domain in Canton 2). ``physical_id`` is empty before the first connect; in Canton 2
    there is no other id than the logical one.

    docs/canton/synchronizers.md#ids-are-known-after-the-first-contact
    """

    alias: str
    physical_id: str
    connected: bool
    healthy: bool
    manual_connect: bool
    # Addresses of its sequencers, with scheme; Canton 3 only.
    sequencers: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The logical id: identifier and namespace, without protocol version and serial."""
        return "::".join(self.physical_id.split("::")[:2])


@dataclass(frozen=True)
class Key:
    """A key pair of the vault or a public key. ``public_key`` is a serialized crypto ``PublicKey``, ``der`` its SPKI.

    ``wrapper_key_id`` names the KMS key that protects the private key in the node's own store; empty when none does.
    """

    fingerprint: str
    name: str
    purpose: str
    usage: tuple[str, ...]
    spec: str
    kms_key_id: str
    public_key: bytes
    der: bytes
    wrapper_key_id: str = ""


@dataclass(frozen=True)
class Delegation:
    """A NamespaceDelegation in force."""

    namespace: str
    target: str
    restriction: Restriction
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
class OwnerKeys:
    """An owner-to-key mapping in force: its keys in their order. Senders encrypt for the last encryption key of it.

    ``signed_by`` has fingerprints. Without a mapping there are no keys, and the serial is 0.
    """

    keys: tuple[Key, ...] = ()
    serial: int = 0
    signed_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unsigned:
    """A topology transaction without signatures, in its versioned wrapper, and the 34 bytes of it that are signed."""

    transaction: bytes
    hash: bytes


@dataclass(frozen=True)
class Signature:
    """A signature that was made outside of the node; ``signed_by`` is its key's fingerprint.

    ``format`` and ``algorithm`` are Canton's names of its enums' values, see ``keys.SIGNATURE_FORMS``.
    """

    data: bytes
    signed_by: str
    format: str
    algorithm: str


@dataclass(frozen=True)
class Host:
    """One participant that hosts a party."""

    participant: str
    permission: Permission
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
class SignedHosting:
    """A signed PartyToParticipant mapping as a node stores it. ``signed`` is a serialized SignedTopologyTransaction."""

    hosting: Hosting
    signed: bytes


@dataclass(frozen=True)
class Clearance:
    """Whether a party's onboarding flag is cleared; ``retry_at``, in seconds since 1970, is the earliest time of the next request."""

    onboarded: bool
    retry_at: float | None = None


@dataclass(frozen=True)
class Dar:
    main: str
    name: str
    version: str
    description: str = ""

    @property
    def builtin(self) -> bool:
        return self.name.startswith(BUILTIN_DAR_PREFIXES)

    def is_among(self, names: t.Collection[str]) -> bool:
        """Whether it is meant by one of these, which are names of DARs or main package ids."""
        return self.name in names or self.main in names


@dataclass(frozen=True)
class Vetting:
    """A package that a participant vets, from a time on and until before another, in microseconds since 1970; None: no bound."""

    package_id: str
    valid_from: int | None = None
    valid_until: int | None = None


@dataclass(frozen=True)
class ActiveContract:
    """One entry of the active contract set. ``incomplete`` means an unfinished reassignment (docs/canton/ledger-api.md#unfinished-reassignments).

    ``synchronizer`` and ``package_id`` are empty where the entry does not have them (Canton 2). ``has_key`` comes from the ledger API of Canton 2
    only, where contracts can have keys. ``reassignments``: how often it changed its synchronizer.
    """

    contract_id: str
    synchronizer: str
    package_id: str
    stakeholders: frozenset[str]
    incomplete: bool = False
    has_key: bool = False
    reassignments: int = 0


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
    """What the ledger API keeps about a party on one node (docs/canton/ledger-api.md#parties). Only Canton 2 has display names."""

    party: str
    is_local: bool
    annotations: tuple[tuple[str, str], ...] = ()
    identity_provider: str = ""
    display_name: str = ""


@dataclass(frozen=True)
class Pong:
    success: bool
    millis: int = 0
    responder: str = ""
    reason: str = ""
