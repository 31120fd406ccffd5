# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The code that both dialects share: the two APIs of a node, and the ledger API's users, parties and identity providers.

These services are alike in v1 and v2 of the ledger API but for their package (docs/canton/canton-2.md#ledger-api-version-1).
"""

from __future__ import annotations

import typing as t

from ..._api.channel import Api
from ..._api.descriptors import Message
from ..._api.memory import Memory
from ..._errors import CantonError, NoIdentity, NotOffered
from ..model.entities import ActiveContract, IdentityProvider, LocalParty, Right, User

RIGHTS_WITHOUT_PARTY = (
    "participant_admin",
    "identity_provider_admin",
    "can_read_as_any_party",
    "can_execute_as_any_party",
)


class LedgerAdmin:
    """A node by its two APIs. ``ledger`` may be missing as long as nothing needs the ledger API."""

    LEDGER: str  # the package of the ledger API, with the dot at its end

    def __init__(self, admin: Api, ledger: Api | None) -> None:
        self.admin = admin
        self._ledger = ledger

    @property
    def label(self) -> str:
        return self.admin.endpoint.label

    @property
    def has_ledger(self) -> bool:
        return self._ledger is not None

    @property
    def ledger(self) -> Api:
        if self._ledger is None:
            raise CantonError(
                f"The {self.label} has no ledger_endpoint, and this task requires the ledger API",
                error_id="ledger_endpoint_missing",
                hint="Set ledger_endpoint (host:port of the ledger API).",
            )
        return self._ledger

    def remember(self) -> None:
        memory = Memory()
        for api in (self.admin, self._ledger):
            if api is not None:
                api.remember(memory)

    def _is_late(self, rpc: str) -> bool:
        """Whether an initialised node does not list the service yet: it may still be starting services."""
        return rpc.partition("/")[0] not in self.admin.services

    def _status_is_late(self, exc: CantonError) -> bool:
        """Whether a refused status means a node that is starting; any trouble but a service that is missing is raised."""
        if not isinstance(exc, NotOffered):
            raise exc
        names = " ".join(self.admin.services)
        return "com.digitalasset.canton." in names and "com.daml.ledger.api." not in names

    def _waits_for_identity(self, what: str) -> NoIdentity:
        """The error for a node that its operator has to initialise; ``what`` is what it needs."""
        return NoIdentity(
            f"{self.admin.endpoint.at_start()} has no identity yet and offers only a part of its API",
            hint=f"Initialise it first ({what}), then run again.",
        )

    def identity_providers(self) -> list[IdentityProvider]:
        answer = self.ledger.read(self._rpc("IdentityProviderConfigService/ListIdentityProviderConfigs"))
        return [
            IdentityProvider(item.identity_provider_id, item.issuer, item.jwks_url, item.audience, item.is_deactivated)
            for item in answer.identity_provider_configs
        ]

    def create_identity_provider(self, provider: IdentityProvider) -> None:
        self.ledger.write(
            self._rpc("IdentityProviderConfigService/CreateIdentityProviderConfig"),
            identity_provider_config={
                "identity_provider_id": provider.id,
                "is_deactivated": provider.deactivated,
                "issuer": provider.issuer,
                "jwks_url": provider.jwks_url,
                "audience": provider.audience,
            },
        )

    def users(self, identity_provider: str, wanted: t.Callable[[str], bool] = bool) -> list[User]:
        """One more call for the rights of each of them (docs/canton/ledger-api.md#users)."""
        return [
            self._user(message)
            for answer in self._pages("UserManagementService/ListUsers", identity_provider)
            for message in answer.users
            if wanted(message.id)
        ]

    def _user(self, message: Message) -> User:
        rights = self.ledger.read(
            self._rpc("UserManagementService/ListUserRights"),
            user_id=message.id,
            identity_provider_id=message.identity_provider_id,
        ).rights
        return User(
            id=message.id,
            primary_party=message.primary_party,
            deactivated=message.is_deactivated,
            identity_provider=message.identity_provider_id,
            annotations=_annotations(message.metadata),
            primary_party_authentication=getattr(message, "primary_party_authentication", False),
            rights=frozenset(_right(item) for item in rights),
        )

    def create_user(self, user: User) -> None:
        self.ledger.write(
            self._rpc("UserManagementService/CreateUser"),
            user=self._user_fields(user),
            rights=[_right_fields(item) for item in user.rights],
        )

    def update_user(self, user: User) -> None:
        """Make primary party, activity and annotations of an existing user those of ``user``."""
        paths = ["primary_party", "is_deactivated", "metadata.annotations"]
        if self.knows_authentication():
            paths.append("primary_party_authentication")
        self.ledger.repeatable(
            self._rpc("UserManagementService/UpdateUser"), user=self._user_fields(user), update_mask={"paths": paths}
        )

    def knows_authentication(self) -> bool:
        """Whether users can have ``primary_party_authentication``: 3.5 only (docs/canton/ledger-api.md#primary-party-authentication)."""
        return self.ledger.has_field(self.LEDGER + "admin.User", "primary_party_authentication")

    def _user_fields(self, user: User) -> dict[str, t.Any]:
        fields: dict[str, t.Any] = {
            "id": user.id,
            "primary_party": user.primary_party,
            "is_deactivated": user.deactivated,
            "identity_provider_id": user.identity_provider,
            "metadata": {"annotations": dict(user.annotations)},
        }
        if user.primary_party_authentication and self.knows_authentication():
            fields["primary_party_authentication"] = True
        return fields

    def grant_rights(self, user: User, rights: t.Iterable[Right]) -> None:
        self.ledger.repeatable(
            self._rpc("UserManagementService/GrantUserRights"),
            user_id=user.id,
            rights=[_right_fields(item) for item in rights],
            identity_provider_id=user.identity_provider,
        )

    def local_parties(self, identity_provider: str = "") -> list[LocalParty]:
        """Every party that the ledger API knows, local ones marked."""
        return [
            LocalParty(
                item.party,
                item.is_local,
                _annotations(item.local_metadata),
                item.identity_provider_id,
                getattr(item, "display_name", ""),
            )
            for answer in self._pages("PartyManagementService/ListKnownParties", identity_provider)
            for item in answer.party_details
        ]

    def annotate_party(self, party: str, annotations: t.Mapping[str, str], identity_provider: str) -> None:
        self.ledger.repeatable(
            self._rpc("PartyManagementService/UpdatePartyDetails"),
            party_details={
                "party": party,
                "local_metadata": {"annotations": dict(annotations)},
                "identity_provider_id": identity_provider,
            },
            update_mask={"paths": ["local_metadata.annotations"]},
        )

    def assign_party_to_provider(self, party: str, identity_provider: str) -> None:
        self.ledger.repeatable(
            self._rpc("PartyManagementService/UpdatePartyIdentityProviderId"),
            party=party,
            target_identity_provider_id=identity_provider,
        )

    def _rpc(self, name: str) -> str:
        return self.LEDGER + "admin." + name

    def _pages(self, name: str, identity_provider: str) -> t.Iterator[Message]:
        fields: dict[str, t.Any] = {"identity_provider_id": identity_provider}
        while True:
            answer = self.ledger.read(self._rpc(name), **fields)
            yield answer
            # Older lines send lists of parties whole.
            token = getattr(answer, "next_page_token", "")
            if not token:
                return
            fields["page_token"] = token


def active_contract(
    event: Message, synchronizer: str, incomplete: bool = False, has_key: bool = False, reassignments: int = 0
) -> ActiveContract:
    """The contract of a CreatedEvent of either ledger API."""
    stakeholders = frozenset(event.signatories) | frozenset(event.observers)
    return ActiveContract(
        event.contract_id, synchronizer, event.template_id.package_id, stakeholders, incomplete, has_key, reassignments
    )


def _annotations(metadata: Message) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(metadata.annotations.items()))


def _right(item: Message) -> Right:
    kind = item.WhichOneof("kind")
    return Right(kind, "" if kind in RIGHTS_WITHOUT_PARTY else getattr(item, kind).party)


def _right_fields(right: Right) -> dict[str, t.Any]:
    return {right.kind: {"party": right.party} if right.party else {}}
