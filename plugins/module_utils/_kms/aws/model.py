# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an AWS KMS key has that keys of other providers do not: replicas and grants."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field


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
