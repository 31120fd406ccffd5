# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copying users, their rights, identity providers and party annotations, which are neither in the topology nor in the ACS."""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass, field

from ..._errors import CantonError
from ..._outcome import Outcome
from ..model.entities import ADMIN_USER, IdentityProvider, LocalParty, Right, User
from ..model.interface import Participant, Reader

ADMIN_RIGHTS = ("participant_admin", "identity_provider_admin")


@dataclass
class UserPlan:
    """What the target lacks. Nothing is removed there: its own users keep what they have.

    ``left_out`` are rights that are not copied, by user.
    """

    providers: list[IdentityProvider] = field(default_factory=list)
    create: list[User] = field(default_factory=list)
    update: list[User] = field(default_factory=list)
    grant: list[tuple[User, frozenset[Right]]] = field(default_factory=list)
    # the party as the source has it, and as the target has it
    annotate: list[tuple[LocalParty, LocalParty]] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    users: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.providers or self.create or self.update or self.grant or self.annotate)

    def missing(self) -> dict[str, t.Any]:
        """Return values of modules: what differs, by ids."""
        return {
            "created": [user.id for user in self.create],
            "updated": [user.id for user in self.update],
            "granted": {user.id: sorted(map(str, rights)) for user, rights in self.grant},
            "identity_providers": [provider.id for provider in self.providers],
            "annotated": [party.party for party, _existing in self.annotate],
        }


def read_users(
    participant: Reader, providers: t.Iterable[str], wanted: t.Callable[[str], bool] = bool
) -> dict[tuple[str, str], User]:
    """All users whose id is ``wanted`` by (identity provider, id); the default provider's users are under the empty id."""
    found: dict[tuple[str, str], User] = {}
    for provider in ["", *providers]:
        for user in participant.users(provider, wanted):
            found[(user.identity_provider, user.id)] = user
    return found


def plan_copy(source: Reader, target: Reader, skip: t.Collection[str], admin_rights: bool) -> UserPlan:
    """Compare both nodes. Admin rights are copied only on request (docs/canton/migration.md#users-are-copied-separately)."""
    plan = UserPlan()
    theirs = {provider.id: provider for provider in target.identity_providers()}
    wanted_providers = source.identity_providers()
    for provider in wanted_providers:
        existing = theirs.get(provider.id)
        if existing is None:
            plan.providers.append(provider)
        elif existing != provider:
            raise CantonError(
                f"The identity provider {provider.id} is configured differently on the {target.label}",
                error_id="identity_provider_differs",
                hint="Make both configurations equal (issuer, JWKS URL, audience, activation), then run again.",
            )
    users = read_users(source, [item.id for item in wanted_providers], lambda name: name != ADMIN_USER)
    have = read_users(target, theirs, {name for _provider, name in users}.__contains__)
    authenticates = target.knows_authentication()
    for key, user in sorted(users.items()):
        on_target = have.get(key)
        if user.id in skip:
            _leave_out(plan, user, user.rights, on_target)
            continue
        if user.primary_party_authentication and not authenticates:
            raise CantonError(
                f"User {user.id} of the {source.label} authenticates as its primary party, which the {target.label} does not support",
                error_id="user_setting_unknown",
                hint="Turn primary_party_authentication off, exclude the user (skip_users), or migrate to Canton 3.5 or later.",
            )
        plan.users.append(user.id)
        rights = (
            user.rights if admin_rights else frozenset(item for item in user.rights if item.kind not in ADMIN_RIGHTS)
        )
        _leave_out(plan, user, user.rights - rights, on_target)
        _plan_user(plan, dataclasses.replace(user, rights=rights), on_target)
    _plan_annotations(plan, source, target, [item.id for item in wanted_providers])
    return plan


def _leave_out(plan: UserPlan, user: User, rights: frozenset[Right], existing: User | None) -> None:
    lacking = rights - (existing.rights if existing else frozenset())
    if lacking:
        plan.left_out[user.id] = sorted({*plan.left_out.get(user.id, []), *map(str, lacking)})


def _plan_user(plan: UserPlan, wanted: User, existing: User | None) -> None:
    if existing is None:
        plan.create.append(wanted)
        return
    # Rights are granted, never revoked, and the target's own annotations are kept.
    same = dataclasses.replace(existing, rights=wanted.rights, annotations=wanted.annotations) == wanted
    if not same or not set(wanted.annotations) <= set(existing.annotations):
        plan.update.append(wanted)
    missing = wanted.rights - existing.rights
    if missing:
        plan.grant.append((wanted, missing))


def _plan_annotations(plan: UserPlan, source: Reader, target: Reader, providers: t.Sequence[str]) -> None:
    """Annotations of parties that the target hosts; the target has to know a party first (docs/canton/ledger-api.md#parties)."""
    known = _parties(target, providers)
    for party, wanted in sorted(_parties(source, providers).items()):
        existing = known.get(party)
        if existing is None or not (wanted.is_local and existing.is_local):
            continue
        annotated = set(wanted.annotations) <= set(existing.annotations)
        named = wanted.display_name in ("", existing.display_name)
        if not (annotated and named) or wanted.identity_provider != existing.identity_provider:
            plan.annotate.append((wanted, existing))


def _parties(participant: Reader, providers: t.Sequence[str]) -> dict[str, LocalParty]:
    return {item.party: item for provider in ["", *providers] for item in participant.local_parties(provider)}


def copy(plan: UserPlan, source: Reader, target: Participant, skip: t.Collection[str], admin_rights: bool) -> None:
    """Execute a plan and prove it: planning again must find nothing."""
    for provider in plan.providers:
        target.create_identity_provider(provider)
    for user in plan.create:
        target.create_user(user)
    for user in plan.update:
        target.update_user(user)
    for user, rights in plan.grant:
        target.grant_rights(user, rights)
    for party, existing in plan.annotate:
        if existing.identity_provider != party.identity_provider:
            target.assign_party_to_provider(party.party, party.identity_provider)
        target.annotate_party(party.party, dict(party.annotations), party.identity_provider)
        if party.display_name not in ("", existing.display_name):
            target.set_display_name(party.party, party.display_name)
    left = plan_copy(source, target, skip, admin_rights)
    if not left.empty:
        names = [user.id for user in left.create + left.update] + [user.id for user, _rights in left.grant]
        names += [provider.id for provider in left.providers] + [party.party for party, _existing in left.annotate]
        raise CantonError(
            f"The {target.label} accepted the users but shows some of them differently than the {source.label}: {', '.join(names[:5])}",
            error_id="users_differ",
            hint="Check whether they are changed by others at the same time, then run again.",
        )


def ensure_copied(params: t.Mapping[str, t.Any], source: Reader, target: Reader, check: bool) -> Outcome:
    """What ``participant_user`` does."""
    plan = plan_copy(source, target, params["skip_users"], params["admin_rights"])
    if not plan.empty and not check:
        copy(plan, source, target.require_live("copying users"), params["skip_users"], params["admin_rights"])
    result = plan.missing()
    nothing = {name: type(value)() for name, value in result.items()}
    left_out = "; ".join(f"{user} ({', '.join(rights)})" for user, rights in sorted(plan.left_out.items()))
    return Outcome(
        before={"missing": result},
        after={"missing": nothing},
        result={**result, "left_out": plan.left_out, "users": plan.users},
        warnings=[f"Rights of {len(plan.left_out)} users are not copied: {left_out}"] if left_out else [],
    )
