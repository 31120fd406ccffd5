# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a participant offers, in three sizes.

``Reader`` is what a dossier offers as well as a node, ``Participant`` what every node offers, ``Canton3`` what only a node of Canton 3 offers. A
function takes the smallest that serves. The dialects implement these, see ``dialects``.

A *store* is ``AUTHORIZED``, the node's own topology store, or the logical id of a synchronizer (a domain in Canton 2). Parties and participants are
named by their whole ids. Every method raises CantonError: Unreachable when the node does not answer, NotOffered when its release lacks the call, else
with the node's own error code, see ``_errors``. A dossier raises the error ``dossier_lacks`` for what was not gathered.
"""

from __future__ import annotations

import typing as t

from ..._errors import CantonError
from .entities import (
    ActiveContract,
    Clearance,
    Dar,
    Delegation,
    Hosting,
    Identity,
    IdentityProvider,
    Key,
    LocalParty,
    Offset,
    OwnerKeys,
    Pong,
    Restriction,
    Right,
    Signature,
    SignedDelegation,
    SignedHosting,
    Synchronizer,
    Unsigned,
    User,
    Vetting,
)
from .key_pair import KeyPair


class Reader(t.Protocol):
    """What is read of a participant. It changes nothing, and a dossier can stand in for the node."""

    @property
    def label(self) -> str:
        """How messages name it, for example ``source participant``."""

    @property
    def major(self) -> int:
        """The major release of Canton: 2 or 3. Nothing moves from one to the other, see ``require_same_major``."""

    @property
    def reports_kms_keys(self) -> bool:
        """Whether ``own_keys`` reports which keys are in a KMS. Canton 2 does not."""

    @property
    def reports_synchronizer_of_contracts(self) -> bool:
        """Whether ``active_contracts`` reports the synchronizer of a contract. Canton 2 does not."""

    @property
    def hosts_offline(self) -> bool:
        """Whether hostings and vettings can be written while disconnected. Canton 2 can: it sends them at the next connect."""

    @property
    def one_mapping_per_host(self) -> bool:
        """Whether each pair of a party and a host is a mapping of its own, so that a new host does not end another (Canton 2)."""

    @property
    def writes_for_protocol_version(self) -> bool:
        """Whether signed topology and snapshots have the form of one protocol version, so that the target's must be known (Canton 2)."""

    @property
    def has_ledger(self) -> bool:
        """Whether a ledger API endpoint was given. Without one, users, parties and contracts raise ``ledger_endpoint_missing``."""

    def remember(self) -> None:
        """From now on an answer counts for a moment, until this process writes to the node or waits. Ledger ends, contracts and work in
        flight are asked each time."""

    def require_live(self, step: str) -> Participant:
        """The node itself. A dossier raises ``dossier_is_read_only``; ``step`` names what needs the node."""

    def identity(self) -> Identity:
        """Who this is, and whether it is ready. Waits up to ``ready_timeout`` for a node that is starting."""

    def in_memory(self) -> bool:
        """Whether the node has no database."""

    def pruning_schedule(self) -> str | None:
        """The cron expression of its pruning schedule, empty without one; None where the API does not report it (Canton 2)."""

    def synchronizers(self, health: bool = False) -> list[Synchronizer]:
        """The registered synchronizers, connected or not. Without ``health``, which takes another call, a node may report none as healthy."""

    def protocol_version(self, item: Synchronizer) -> int | None:
        """The synchronizer's protocol version; None when the node does not know it."""

    def written_for(self, item: Synchronizer) -> int | None:
        """The protocol version in whose form this synchronizer takes topology. None: any form (Canton 3), or not known."""

    def hosting_store(self, synchronizer: str) -> str:
        """The store that proves that a hosting or a vetting of this node is in force: the synchronizer's, or, for a
        disconnected node of Canton 2, its own."""

    def hosting_stores(self, synchronizer: str) -> tuple[str, ...]:
        """Every store in which hostings of this node can stand: the synchronizer's, and in Canton 2 its own too."""

    def in_flight(self, synchronizer: str) -> int | None:
        """How many submissions and transactions are in flight; None where the node cannot count them (Canton 2.8)."""

    def last_time(self, synchronizer: str) -> float | None:
        """The latest time seen on a connected synchronizer, in seconds since 1970; None where the API does not report it (Canton 2)."""

    def own_keys(self) -> list[Key]:
        """The keys of which the node has the private key, in its own store or in a KMS."""

    def delegations(self, store: str, namespace: str = "", target: str = "") -> list[Delegation]:
        """The delegations in force of one namespace, or to the key ``target``. Without a namespace those of all, which a dossier does not have."""

    def signed_delegations(
        self, store: str, namespace: str, removed: bool = False, written_for: int | None = None
    ) -> list[SignedDelegation]:
        """The signed transactions behind ``delegations``, or the removals that are final (Canton 3 only).

        ``written_for``: the protocol version in whose form Canton 2 is to sign them.
        """

    def hostings(self, store: str, participant: str = "") -> list[Hosting]:
        """Who hosts which party: all mappings in force, or those that name ``participant``. A dossier has only its own."""

    def decentralized_namespaces(self, store: str) -> set[str]:
        """The namespaces that are owned by several others together."""

    def dars(self) -> list[Dar]:
        """The DARs in the node's store, built-in ones too."""

    def packages(self) -> dict[str, str]:
        """All stored packages: a readable name by package id."""

    def dar_packages(self, main: str) -> set[str]:
        """The package ids in a DAR, by the id of its main package."""

    def download_dar(self, main: str) -> bytes:
        """The DAR file. DarWithoutContent when the node has the packages but not the file (Canton 2)."""

    def vettings(self, store: str, participant: str) -> set[Vetting]:
        """The packages that ``participant`` vets, with their bounds (Canton 3). A dossier has only its own."""

    def identity_providers(self) -> list[IdentityProvider]:
        """The configured identity providers, without the default one."""

    def users(self, identity_provider: str, wanted: t.Callable[[str], bool] = bool) -> list[User]:
        """The users of one identity provider with their rights, those whose id is ``wanted``. The empty id is the default provider."""

    def local_parties(self, identity_provider: str = "") -> list[LocalParty]:
        """Every party that the ledger API knows for one identity provider; local ones are marked."""

    def knows_authentication(self) -> bool:
        """Whether users can have ``primary_party_authentication`` (Canton 3.5)."""

    def ledger_end(self) -> Offset:
        """The current end of the ledger; falsy when it is empty."""

    def active_contracts(self, parties: t.Iterable[str], offset: Offset) -> t.Iterator[ActiveContract]:
        """The contracts of which any of ``parties`` is a stakeholder, active at ``offset``. A stream: memory does not grow."""


class Participant(Reader, t.Protocol):
    """A node of Canton 2 or 3 that can be reached."""

    @property
    def common_protocol_version(self) -> int:
        """A protocol version that every node of this major release supports; Canton 2.8 does not report its own."""

    def as_canton_3(self) -> Canton3 | None:
        """The same node with what only Canton 3 offers; None for Canton 2."""

    def register(self, alias: str, connections: t.Sequence[str], ca_cert: bytes, manual_connect: bool) -> None:
        """Register a synchronizer by the addresses of its sequencers, without connecting it."""

    def connect(self, alias: str) -> None:
        """Connect a registered synchronizer; ``not_connected`` when the node cannot. Safe to repeat."""

    def disconnect(self, alias: str) -> None:
        """Disconnect a synchronizer. Safe to repeat."""

    def set_manual_connect(self, alias: str, manual: bool) -> None:
        """Set whether the node leaves this synchronizer disconnected after a restart."""

    def topology_published(self, synchronizer: str) -> bool:
        """Whether the synchronizer has all topology that was written while this node was disconnected."""

    def ping(self, target: str, synchronizer: str, timeout_seconds: int) -> Pong:
        """Send a ping to a participant. Canton 2 chooses the domain itself. A failed ping is an answer, not an error."""

    def read_key(self, raw: bytes, name: str) -> Key:
        """A serialized public key of another node. ``wrapper_unreadable`` when it cannot be read."""

    def export_key_pair(self, fingerprint: str, protocol_version: int) -> KeyPair:
        """One of the node's own key pairs, in cleartext, in the form of a protocol version that the node supports. Wipe it after
        use. Needs preview commands on the node.

        Raises KeyUnknown, or ExportRefused with the reason.
        """

    def read_key_pair(self, raw: bytes) -> KeyPair:
        """A key pair as a node exported it, ``KeyPair.serialized``. ``wrapper_unreadable`` when it cannot be read."""

    def read_delegation(self, raw: bytes) -> SignedDelegation | None:
        """The delegation in a signed transaction; None for any other transaction. Its signatures are not checked."""

    def authorize_delegation(self, namespace: str, key: Key) -> None:
        """Sign, into the node's own store, that ``key`` may sign for ``namespace`` all but further delegations."""

    def remove_delegation(self, namespace: str, key: Key) -> None:
        """Sign, into the node's own store, the removal of the delegation to ``key``. In Canton 3 it is final for this key."""

    def delegation_removals(self, store: str, namespace: str, written_for: int | None) -> list[SignedDelegation]:
        """The signed removals of delegations in a store, in the form of ``written_for``."""

    def add_transactions(self, store: str, signed: t.Sequence[bytes]) -> None:
        """Load transactions that others signed, in this order. Known ones change nothing."""

    def host_parties(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """Authorize these mappings, ``parallel`` calls at a time; an error or None for each. None proves nothing: read ``hostings``."""

    def unhost_parties(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """Authorize the removal of these mappings, in Canton 2 of this node's share in them; an error or None for each."""

    def dar_main(self, payload: bytes, name: str) -> str:
        """The main package id of a DAR file. Nothing is stored."""

    def validate_dar(self, payload: bytes, name: str, synchronizer: str) -> None:
        """Have the node check a DAR as at an upload and vetting; nothing is stored. MessageTooLarge when it is above its limit."""

    def upload_dar(self, payload: bytes, main: str, description: str) -> None:
        """Store a DAR. None of its packages is vetted."""

    def vet(self, store: str, participant: str, vettings: t.Collection[Vetting]) -> None:
        """Vet these packages with these bounds, besides what ``participant``, this node, vets already. Stored packages only.

        SerialMismatch when the vetting is changed by another at the same time: try again. Its OK proves nothing: read ``vettings``.
        """

    def create_identity_provider(self, provider: IdentityProvider) -> None:
        """Create an identity provider."""

    def create_user(self, user: User) -> None:
        """Create a user with its rights."""

    def update_user(self, user: User) -> None:
        """Set primary party, activity and annotations of an existing user. Rights stay."""

    def grant_rights(self, user: User, rights: t.Iterable[Right]) -> None:
        """Grant rights to an existing user. Safe to repeat."""

    def annotate_party(self, party: str, annotations: t.Mapping[str, str], identity_provider: str) -> None:
        """Set annotations of a party that the ledger API knows."""

    def assign_party_to_provider(self, party: str, identity_provider: str) -> None:
        """Assign a party without identity provider to one."""

    def set_display_name(self, party: str, name: str) -> None:
        """Set the display name of a party. Canton 3 has none and does nothing."""

    def was_archived(self, contract_id: str, parties: t.Iterable[str]) -> bool | None:
        """Whether this node has an archival of the contract that one of ``parties`` sees; None: its release cannot say.

        A purge is listed as an archival too (docs/canton/ledger-api.md#events-of-a-contract).
        """

    def read_record(self, record: bytes) -> ActiveContract:
        """The contract in one record of an ACS snapshot. ``wrapper_unreadable`` when it cannot be read."""

    def export_contracts(
        self, parties: t.Sequence[str], offset: Offset, renames: t.Mapping[str, str], protocol_version: int | None
    ) -> t.Iterator[bytes]:
        """The gzip stream of an ACS snapshot: contracts of ``parties`` at ``offset``, their synchronizers renamed (logical ids).

        Canton 2 exports what is active now, and raises ``protocol_version_unknown`` without the target's ``protocol_version``.
        """

    def import_contracts(
        self, chunks: t.Iterable[bytes], synchronizer: str, workflow_prefix: str, parties: t.Sequence[str]
    ) -> None:
        """Send an ACS snapshot to a disconnected node; ``parties`` are those that it will host. Its OK proves nothing."""

    def purge_contracts(self, alias: str, contract_ids: t.Sequence[str], parties: t.Sequence[str]) -> None:
        """Purge contracts of a disconnected node; ``parties`` as at the import. Those that are not active are skipped."""


class Canton3(Participant, t.Protocol):
    """A node of Canton 3: its own identity and keys, and moves of parties on one synchronizer."""

    def public_keys(self) -> list[Key]:
        """All public keys that the node stores, with their names, whether it holds the private keys or not. Without KMS ids."""

    def public_key(self, spec: str, der: bytes, purpose: str) -> Key:
        """A key that no node needs to hold, from its SubjectPublicKeyInfo, with the usages that nodes list for ``purpose``."""

    def register_kms_signing_key(self, kms_key_id: str, name: str, usage: t.Sequence[str]) -> Key:
        """Register a signing key of the KMS as the node's own. Not repeatable with another name or usage."""

    def register_kms_encryption_key(self, kms_key_id: str, name: str) -> Key:
        """Register an encryption key of the KMS as the node's own. Not repeatable with another name."""

    def generate_signing_key(self, name: str, spec: str, usage: t.Sequence[str]) -> Key:
        """Generate a signing key, in the node's own store or in its KMS."""

    def generate_encryption_key(self, name: str, spec: str) -> Key:
        """Generate an encryption key, in the node's own store or in its KMS."""

    def wrapper_key_id(self) -> str | None:
        """The KMS key that encrypts the node's own key store; None when the store is not encrypted."""

    def init_id(self, identifier: str, namespace: str) -> None:
        """Give a node that waits for it the identity ``identifier::namespace``, which cannot be changed later."""

    def authorize_root_certificate(self, key: Key) -> None:
        """Sign the root certificate of the namespace of ``key`` with this key."""

    def owner_keys(self, store: str, uid: str) -> list[Key]:
        """The keys in the key mapping of a participant, in its order; empty without a mapping."""

    def owner_mapping(self, store: str, uid: str) -> OwnerKeys:
        """The same with its serial and its signers."""

    def signed_owner_keys(self, uid: str) -> list[tuple[int, bytes]]:
        """Serial and signed transaction of every key mapping of ``uid`` that the node's own store ever had, in their order."""

    def authorize_owner_keys(self, uid: str, keys: t.Sequence[Key]) -> None:
        """Sign, with the namespace key and every new signing key, that these are the keys of ``uid``."""

    def generate_owner_keys(self, uid: str, keys: t.Sequence[Key]) -> Unsigned:
        """The transaction of ``authorize_owner_keys``, for others to sign. Checked: it says this and nothing else. Nothing is stored."""

    def with_signatures(self, unsigned: Unsigned, signatures: t.Sequence[Signature]) -> bytes:
        """The serialized SignedTopologyTransaction of these signatures. Nothing is sent."""

    def authorize_delegation(
        self, namespace: str, key: Key, restriction: Restriction = "all_but_namespace_delegations"
    ) -> None:
        """As in ``Participant``, or with another restriction, which replaces that of a delegation in force."""

    def signed_identity(self, uid: str) -> list[bytes]:
        """The signed transactions of the participant's identity in the order in which they can be loaded: delegations of its
        namespace, root certificate first, then its key mapping with its history."""

    def hostings(self, store: str, participant: str = "", proposals: bool = False) -> list[Hosting]:
        """As in ``Reader``, or the proposals that lack signatures."""

    def add_transactions(
        self, store: str, signed: t.Sequence[bytes], wait_seconds: int = 0, alien_member: bool = False
    ) -> None:
        """As in ``Participant``. With ``wait_seconds`` it fails unless they are effective by then. ``alien_member``: they may be
        about another participant's keys, which a node refuses else."""

    def lacks_for_replication(self) -> list[str]:
        """The calls and fields of that this release lacks (3.4); empty when it has all."""

    def propose_hostings(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """Sign these mappings with this node's keys; what others have to sign too stays a proposal. An error or None for each."""

    def signed_proposals(self, store: str, namespace: str) -> list[SignedHosting]:
        """The signed transactions of the hosting proposals for parties of ``namespace``."""

    def sign_transactions(self, signed: t.Sequence[bytes], signed_by: t.Sequence[str] = ()) -> list[bytes]:
        """Add this node's signatures, those of the keys ``signed_by`` or those that it chooses, to transactions that others signed:
        without any signature they are refused. Nothing is stored; works while disconnected."""

    def export_party_contracts(
        self, party: str, synchronizer: str, target: str, begin: Offset, wait_seconds: int
    ) -> t.Iterator[bytes]:
        """The gzip stream of a party's contracts at the moment from which ``target`` hosts it, searched after ``begin``.
        Contracts with a stakeholder that ``target`` hosted before are left out."""

    def import_party_contracts(
        self, chunks: t.Iterable[bytes], party: str, synchronizer: str, workflow_prefix: str
    ) -> None:
        """Send a party's snapshot. The node refuses it unless it knows that the party is being onboarded."""

    def clear_onboarding(self, party: str, synchronizer: str, begin: Offset, wait_seconds: int) -> Clearance:
        """Ask the node to clear the party's onboarding flag, which it does when it is safe. Safe to repeat."""


def require_same_major(source: Reader, target: Reader) -> None:
    """Nothing of a participant of Canton 2 can move to one of Canton 3, or back (docs/canton/migration.md#no-migration-between-canton-2-and-canton-3)."""
    if source.major != target.major:
        raise CantonError(
            f"The {source.label} runs Canton {source.major} and the {target.label} Canton {target.major}: neither contracts nor topology can move between them",
            error_id="release_lines",
            hint="Migrate within one major release. From Canton 2 to 3 only applications can copy their own data.",
        )
