# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The request for a migration, and the findings and numbers of the checks before it."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, field, fields

from ..._errors import Busy, CantonError, ConnectionFailed
from ..model.entities import Synchronizer
from ..model.interface import Reader

OTHER_SYNCHRONIZER, SAME_SYNCHRONIZER, IN_PLACE = "other_synchronizer", "same_synchronizer", "in_place"
# Understood, and refused: a new node with the old identity and keys, which dies on real networks; and an encrypted key store, which needs
# no migration (docs/canton/migration.md#importing-the-old-keys, docs/canton/kms.md#two-modes).
KEY_IMPORT, ENVELOPE = "key_import", "envelope"
METHODS = (OTHER_SYNCHRONIZER, SAME_SYNCHRONIZER)


# Options of the modules that examine a migration, besides its participants; documented in the fragment ``_migration``.
REQUEST_SPEC: dict[str, t.Any] = {
    "source_synchronizer": {"type": "str", "required": True},
    "target_synchronizer": {"type": "str", "required": True},
    "parties": {"type": "list", "elements": "str"},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "target_protocol_version": {"type": "int"},
    "skip_users": {"type": "list", "elements": "str", "default": []},
    "exclude_dars": {"type": "list", "elements": "str", "default": []},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "replace_hosts": {"type": "list", "elements": "str", "default": []},
    "purge_stale": {"type": "bool", "default": False},
    "require_kms": {"type": "bool", "default": True},
    "path": {"type": "path"},
    "method": {
        "type": "str",
        "choices": ["other_synchronizer", "delegation", "same_synchronizer", "key_import", "envelope"],
        "default": "other_synchronizer",
    },
    "kms_provider": {"type": "str", "choices": ["aws", "gcp"], "default": "aws"},
    "rotate_keys": {"type": "bool", "default": False},
    "accept_unsupported": {"type": "bool", "default": False},
    "backup_confirmed": {"type": "bool", "default": False},
}


@dataclass(frozen=True)
class MigrationRequest:
    """The options in ``REQUEST_SPEC``. ``path`` is where the snapshot will be written, if that is known here.

    ``namespaces`` will be delegated to the target besides the source's own, ``replace_hosts`` are hosts that the target may
    replace, and with ``purge_stale`` contracts that the source no longer has will be purged from the target.
    ``backup_confirmed`` and ``accept_unsupported`` are statements of the operator. Without ``count_contracts`` no contract is read.
    """

    source_synchronizer: str
    target_synchronizer: str
    parties: t.Sequence[str] | None
    exclude: t.Collection[str]
    require_kms: bool
    path: str | None
    target_protocol_version: int | None = None
    skip_users: t.Collection[str] = ()
    exclude_dars: t.Collection[str] = ()
    method: str = OTHER_SYNCHRONIZER
    accept_unsupported: bool = False
    backup_confirmed: bool = False
    namespaces: t.Collection[str] = ()
    replace_hosts: t.Collection[str] = ()
    purge_stale: bool = False
    kms_provider: str = "aws"
    count_contracts: bool = True

    @classmethod
    def of(cls, params: t.Mapping[str, t.Any]) -> MigrationRequest:
        """The request in the options of ``REQUEST_SPEC``; further options are ignored."""
        options = {item.name: params[item.name] for item in fields(cls) if item.name in params}
        if options["method"] == "delegation":
            options["method"] = OTHER_SYNCHRONIZER
        return cls(**options)

    @property
    def stays_on_synchronizer(self) -> bool:
        return self.method == SAME_SYNCHRONIZER


@dataclass(frozen=True)
class Finding:
    id: str
    severity: t.Literal["error", "warning"]
    message: str
    remedy: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


# Who serves the parties, by the connections of both participants and by the contracts that both have of them.
Stage = t.Literal["source_serves", "source_down", "imported", "target_serves"]


@dataclass
class Plan:
    """Numbers of the migration, as far as they could be read; None: not read, and not in the result.

    ``delegation`` is where the delegation is found, ``counterparties`` maps parties that do not move to the number of contracts
    shared with them.
    """

    method: str
    stage: Stage | None = None
    source: str | None = None
    target: str | None = None
    delegation: dict[str, bool] | None = None
    parties: int | None = None
    namespaces: dict[str, dict[str, object]] | None = None
    contracts: int | None = None
    packages: int | None = None
    counterparties: dict[str, int] | None = None
    snapshot_bytes: int | None = None
    estimated_downtime_seconds: int | None = None
    estimate_basis: str | None = None
    dars: int | None = None
    users: int | None = None

    def as_dict(self) -> dict[str, object]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Parties:
    """The parties that move. On one synchronizer an earlier run may have started: ``only_on_source`` are those that the target
    does not host yet, ``arrived`` those that it moved already and that the source no longer hosts."""

    moving: set[str] = field(default_factory=set)
    only_on_source: set[str] = field(default_factory=set)
    arrived: set[str] = field(default_factory=set)


class Findings:
    """Collects findings; a check that depends on a failed one is skipped, never passed."""

    def __init__(self, source: Reader, target: Reader, request: MigrationRequest) -> None:
        self.source, self.target, self.request = source, target, request
        self.all: list[Finding] = []
        self.plan = Plan(request.method)
        # the synchronizer of the source and that of the target, as soon as both are known
        self.pair: tuple[Synchronizer, Synchronizer] | None = None

    @property
    def can_migrate(self) -> bool:
        return not any(item.severity == "error" for item in self.all)

    def as_dict(self) -> dict[str, object]:
        """The return values of the modules that examine a migration."""
        return {
            "can_migrate": self.can_migrate,
            "findings": [item.as_dict() for item in self.all],
            "plan": self.plan.as_dict(),
        }

    def error(self, identifier: str, message: str, remedy: str) -> None:
        self.all.append(Finding(identifier, "error", message, remedy))

    def warn(self, identifier: str, message: str, remedy: str) -> None:
        self.all.append(Finding(identifier, "warning", message, remedy))

    def as_finding(self, check: t.Callable[..., t.Any], *arguments: t.Any) -> t.Any:
        """Run a check; a refusal inside it becomes a finding, trouble with the connection, or a busy node, ends the examination."""
        try:
            return check(*arguments)
        except (Busy, ConnectionFailed):
            raise
        except CantonError as exc:
            self.error(exc.error_id or "refused", exc.message, exc.hint)
            return None
