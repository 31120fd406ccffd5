# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only a key in AWS KMS has: aliases, a description, grants, regions."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..model import PENDING_DELETION, Key

# A primary key that is deleted waits for the deletion of its replicas first.
PENDING_REPLICA_DELETION = "pending_replica_deletion"
PENDING_STATES = (PENDING_DELETION, PENDING_REPLICA_DELETION)


@dataclass(frozen=True)
class Grant:
    """One grant. Two with the same content are equal: AWS's own id of it doesn't count."""

    name: str
    grantee_principal: str
    operations: tuple[str, ...]
    retiring_principal: str | None = None
    constraints: t.Mapping[str, t.Any] = field(default_factory=dict)
    grant_id: str | None = field(default=None, compare=False)

    def facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "grantee_principal": self.grantee_principal,
            "operations": list(self.operations),
            "retiring_principal": self.retiring_principal,
            "constraints": dict(self.constraints),
        }

    def as_result(self) -> dict[str, object]:
        return {**self.facts(), "grant_id": self.grant_id}


def facts(grants: t.Iterable[Grant]) -> list[dict[str, object]]:
    """For a diff: without ids, each once, in one order."""
    found = {str(grant.facts()): grant.facts() for grant in grants}
    return [found[text] for text in sorted(found)]


@dataclass(frozen=True)
class Replica:
    """A key with the same id and material in another region; ``arn`` is None for one that would be made."""

    region: str
    arn: str | None


@dataclass(frozen=True)
class AwsKey(Key):
    """``grants`` are None when they were not read. ``primary_region`` is None, and there are no ``replicas``, for a key of one region."""

    description: str = ""
    aliases: tuple[str, ...] | None = None
    multi_region: bool = False
    grants: tuple[Grant, ...] | None = None
    primary_region: str | None = None
    replicas: tuple[Replica, ...] = ()

    NAME = "arn"

    @property
    def is_pending_deletion(self) -> bool:
        return self.state in PENDING_STATES

    def as_result(self) -> dict[str, object]:
        return {
            **super().as_result(),
            "arn": self.full_name,
            "description": self.description,
            "aliases": None if self.aliases is None else sorted(self.aliases),
            "tags": self.tags,
            "multi_region": self.multi_region,
            "primary_region": self.primary_region,
            "replicas": [{"region": each.region, "arn": each.arn} for each in self.replicas],
            "grants": None if self.grants is None else [each.as_result() for each in self.grants],
        }
