# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""UserManagementService of the ledger API (docs/canton/ledger-api.md#users)."""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from typing import Any

from sandbox.node.ledger_errors import (
    ANNOTATIONS_BYTES,
    annotations_size,
    invalid_argument,
    invalid_field,
    merge_annotations,
    missing_field,
    page,
    update_paths,
)
from sandbox.node.node import Node
from sandbox.node.services import idp
from sandbox.node.services.service import Service
from sandbox.state import users
from sandbox.state.users import Right
from sandbox.wire.errors import CantonError

ADMIN = "participant_admin"
MAX_RIGHTS = 1000
MAX_PAGE = 1000

_USER_ID = re.compile(r"[a-zA-Z0-9@^$.!`\-#+'~_|:()]{1,128}")
# A field that only 3.5 has.
_AUTHENTICATION = "primary_party_authentication"
_UPDATABLE = ("primary_party", "is_deactivated", "metadata.annotations", _AUTHENTICATION)
_WITH_PARTY = {"can_act_as", "can_read_as", "can_execute_as"}


def _create_admin(db: sqlite3.Connection, participant: str) -> None:
    """The user that every participant has from its first start."""
    if users.get(db, participant, ADMIN) is None:
        users.insert(db, participant, {"id": ADMIN})
    users.add_rights(db, participant, ADMIN, [(ADMIN, "")])


def _not_found(operation: str, user_id: str) -> CantonError:
    return CantonError("USER_NOT_FOUND", f'{operation} failed for unknown user "{user_id}"', resource=("USER", user_id))


def _check_annotations(annotations: dict[str, str]) -> None:
    if annotations_size(annotations) > ANNOTATIONS_BYTES:
        raise CantonError("MAX_USER_ANNOTATIONS_SIZE_EXCEEDED", "Maximum annotations size of 256kb has been exceeded")


class UserManagementService(Service[Node]):
    # The answer to UpdateUserIdentityProviderId.
    MOVED: str

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        with node.db.write() as db:
            _create_admin(db, node.name)

    # --- messages

    def _user(self, row: sqlite3.Row) -> Any:
        user = self._cls("User")(
            id=row["id"],
            primary_party=row["primary_party"],
            is_deactivated=bool(row["is_deactivated"]),
            identity_provider_id=row["identity_provider_id"],
        )
        if row[_AUTHENTICATION]:
            setattr(user, _AUTHENTICATION, True)
        user.metadata.resource_version = str(row["resource_version"])
        user.metadata.annotations.update(json.loads(row["annotations"]))
        return user

    def _right(self, right: Right) -> Any:
        kind, party = right
        message = self._cls("Right")()
        field = getattr(message, kind)
        field.SetInParent()
        if kind in _WITH_PARTY:
            field.party = party
        return message

    def _parse_rights(self, rights: Any) -> list[Right]:
        parsed = []
        for right in rights:
            kind = right.WhichOneof("kind")
            if kind is None:
                raise missing_field("right.kind")
            party = right_party = ""
            if kind in _WITH_PARTY:
                right_party = getattr(right, kind).party
                if "::" not in right_party:
                    raise invalid_field("party", f"Invalid unique identifier `{right_party}` with missing namespace.")
                party = right_party
            parsed.append((kind, party))
        return list(dict.fromkeys(parsed))

    # --- store

    def _find(self, db: sqlite3.Connection, operation: str, user_id: str, provider: str) -> sqlite3.Row:
        if not user_id:
            raise missing_field("user_id")
        row = users.get(db, self._node.name, user_id)
        if row is None or row["identity_provider_id"] != provider:
            raise _not_found(operation, user_id)
        return row

    def _check_rights_limit(self, db: sqlite3.Connection, user_id: str) -> None:
        if len(users.rights(db, self._node.name, user_id)) > MAX_RIGHTS:
            raise CantonError(
                "TOO_MANY_USER_RIGHTS",
                f'granting user rights failed, as user "{user_id}" would have too many rights.',
                resource=("USER", user_id),
            )

    # --- rpcs

    def CreateUser(self, request: Any, context: Any) -> Any:
        if not request.HasField("user"):
            raise missing_field("user")
        user = request.user
        if not user.id:
            raise missing_field("user.id")
        if not _USER_ID.fullmatch(user.id):
            raise invalid_field("user.id", f'User ID "{user.id}" does not match regex "{_USER_ID.pattern}"')
        if user.metadata.resource_version:
            raise invalid_field("user.metadata.resource_version", "must be empty")
        rights = self._parse_rights(request.rights)
        annotations = dict(user.metadata.annotations)
        _check_annotations(annotations)
        with self._node.db.write() as db:
            idp.require(db, self._node.name, user.identity_provider_id)
            self._refuse_existing(db, user.id)
            users.insert(
                db,
                self._node.name,
                {
                    "id": user.id,
                    "primary_party": user.primary_party,
                    "is_deactivated": user.is_deactivated,
                    _AUTHENTICATION: getattr(user, _AUTHENTICATION, False),
                    "identity_provider_id": user.identity_provider_id,
                    "annotations": annotations,
                },
            )
            users.add_rights(db, self._node.name, user.id, rights)
            self._check_rights_limit(db, user.id)
            created = self._find(db, "creating user", user.id, user.identity_provider_id)
        return self._cls("CreateUserResponse")(user=self._user(created))

    def _refuse_existing(self, db: sqlite3.Connection, user_id: str) -> None:
        if users.get(db, self._node.name, user_id):
            raise CantonError(
                "USER_ALREADY_EXISTS",
                f'creating user failed, as user "{user_id}" already exists',
                {"submissionId": f"'{uuid.uuid4()}'"},
                resource=("USER", user_id),
            )

    def GetUser(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            row = self._find(db, "getting user", request.user_id or ADMIN, request.identity_provider_id)
        return self._cls("GetUserResponse")(user=self._user(row))

    def UpdateUser(self, request: Any, context: Any) -> Any:
        if not request.HasField("user"):
            raise missing_field("user")
        if not request.HasField("update_mask"):
            raise missing_field("update_mask")
        user = request.user
        fields = user.DESCRIPTOR.fields_by_name
        updatable = [path for path in _UPDATABLE if path.partition(".")[0] in fields]
        paths = update_paths(request.update_mask, updatable, "INVALID_USER_UPDATE_REQUEST")
        with self._node.db.write() as db:
            row = self._find(db, "updating user", user.id, user.identity_provider_id)
            if user.metadata.resource_version not in ("", str(row["resource_version"])):
                raise CantonError(
                    "CONCURRENT_USER_UPDATE_DETECTED",
                    f"Update operation for user '{user.id}' failed due to a concurrent update to the same user",
                )
            annotations = json.loads(row["annotations"])
            if "metadata.annotations" in paths:
                annotations = merge_annotations(annotations, user.metadata.annotations.items())
                _check_annotations(annotations)
            plain = {
                name: getattr(user, name) if name in paths else row[name] for name in _UPDATABLE if "." not in name
            }
            version = row["resource_version"] + 1
            changed = {**plain, "annotations": json.dumps(annotations), "resource_version": version}
            users.update(db, self._node.name, user.id, changed)
            updated = self._find(db, "updating user", user.id, user.identity_provider_id)
        return self._cls("UpdateUserResponse")(user=self._user(updated))

    def DeleteUser(self, request: Any, context: Any) -> Any:
        if request.user_id == ADMIN:
            raise invalid_argument(f"user {ADMIN} cannot be deleted")
        with self._node.db.write() as db:
            self._find(db, "deleting user", request.user_id, request.identity_provider_id)
            users.delete(db, self._node.name, request.user_id)
        return self._cls("DeleteUserResponse")()

    def ListUsers(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            rows = users.of_provider(db, self._node.name, request.identity_provider_id)
        chosen, token = page(rows, lambda row: str(row["id"]), request.page_size, request.page_token, MAX_PAGE)
        return self._cls("ListUsersResponse")(users=[self._user(row) for row in chosen], next_page_token=token)

    def GrantUserRights(self, request: Any, context: Any) -> Any:
        rights = self._parse_rights(request.rights)
        with self._node.db.write() as db:
            self._find(db, "granting user rights", request.user_id, request.identity_provider_id)
            new = users.add_rights(db, self._node.name, request.user_id, rights)
            self._check_rights_limit(db, request.user_id)
        return self._cls("GrantUserRightsResponse")(newly_granted_rights=[self._right(right) for right in new])

    def RevokeUserRights(self, request: Any, context: Any) -> Any:
        rights = self._parse_rights(request.rights)
        with self._node.db.write() as db:
            self._find(db, "revoking user rights", request.user_id, request.identity_provider_id)
            gone = users.remove_rights(db, self._node.name, request.user_id, rights)
        return self._cls("RevokeUserRightsResponse")(newly_revoked_rights=[self._right(right) for right in gone])

    def ListUserRights(self, request: Any, context: Any) -> Any:
        with self._node.db.read() as db:
            self._find(db, "list user rights", request.user_id, request.identity_provider_id)
            rights = users.rights(db, self._node.name, request.user_id)
        return self._cls("ListUserRightsResponse")(rights=[self._right(right) for right in rights])

    def UpdateUserIdentityProviderId(self, request: Any, context: Any) -> Any:
        with self._node.db.write() as db:
            idp.require(db, self._node.name, request.source_identity_provider_id)
            idp.require(db, self._node.name, request.target_identity_provider_id)
            self._find(db, "update user identity provider", request.user_id, request.source_identity_provider_id)
            columns = {"identity_provider_id": request.target_identity_provider_id}
            users.update(db, self._node.name, request.user_id, columns)
        return self._cls(self.MOVED)()
