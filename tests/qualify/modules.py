# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every participant module as a task, in an order in which nodes of this release take them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_SOURCE, _TARGET = "{{ kms_migration_source }}", "{{ kms_migration_target }}"
_PAIR = {"source": _SOURCE, "target": _TARGET}
_OLD, _NEW = "{{ kms_migration_source_synchronizer }}", "{{ kms_migration_target_synchronizer }}"
_ALIASES = {"source_synchronizer": _OLD, "target_synchronizer": _NEW}
_QUIET = "{{ kms_migration_quiet_timeout | default(60) }}"
_PROTOCOL = {"target_protocol_version": "{{ kms_migration_target_protocol_version | default(omit) }}"}


@dataclass(frozen=True)
class Step:
    """A task of a module: ``node`` is the participant of a module that speaks to one."""

    title: str
    module: str
    options: dict[str, Any] = field(default_factory=dict)
    node: str = ""

    def tasks(self) -> list[dict[str, Any]]:
        """The task in check mode, the task, and the task again."""
        name = f"ledgerops.canton.{self.module}"
        task: dict[str, Any] = {name: self.options}
        if self.node:
            task["module_defaults"] = {name: self.node}
        return [
            {"name": "Predict", **task, "check_mode": True},
            {"name": "Run", **task},
            {"name": "Run again", **task},
        ]


def steps(hosts_offline: bool) -> list[Step]:
    """``hosts_offline``: parties are hosted and packages vetted while the target is off its synchronizer (Canton 2).

    The variables that start with ``qualify_`` are given to the run by the suite.
    """
    snapshot = {"path": "{{ qualify_journal }}/modules", "target_synchronizer": _NEW}
    disconnected = {"state": "disconnected", "manual_connect": True}
    off = _synchronizer("target disconnected", _TARGET, synchronizer=_NEW, **disconnected)
    package = {**_PAIR, **_ALIASES, "exclude": "{{ qualify_exclude_dars }}"}
    party = {**_PAIR, **_ALIASES, "parties": "{{ qualify_file_parties + qualify_pipe_parties }}"}
    bring = [
        Step("participant_package", "participant_package", package),
        Step("participant_party", "participant_party", party),
    ]
    exported = {**_PAIR, **_ALIASES, **snapshot, **_PROTOCOL, "parties": "{{ qualify_file_parties }}"}
    piped = {**_PAIR, **_ALIASES, **_PROTOCOL, "parties": "{{ qualify_pipe_parties }}"}
    return [
        Step("participant_info", "participant_info", {}, _TARGET),
        _synchronizer("target connected", _TARGET, synchronizer=_NEW, state="connected"),
        Step("participant_namespace_delegation", "participant_namespace_delegation", {**_PAIR, "synchronizer": _NEW}),
        *([off, *bring] if hosts_offline else bring),
        _synchronizer("source disconnected", _SOURCE, synchronizer=_OLD, quiet_timeout=_QUIET, **disconnected),
        *([] if hosts_offline else [off]),
        _transfer("exported", exported),
        _transfer("imported", {"target": _TARGET, **snapshot}),
        _transfer("transferred", piped, " through a pipe"),
        _synchronizer("target connected again", _TARGET, synchronizer=_NEW, state="connected", manual_connect=False),
        # Canton 2 knows the parties, and with them their annotations, only now
        Step("participant_user", "participant_user", {**_PAIR, "skip_users": "{{ qualify_skip_users }}"}),
        _transfer("verified", {"target": _TARGET, **snapshot}),
        Step("participant_ping", "participant_ping", {"synchronizer": _NEW}, _TARGET),
        _synchronizer("source connected again", _SOURCE, synchronizer=_OLD, state="connected"),
    ]


def _synchronizer(what: str, node: str, **options: Any) -> Step:
    return Step(f"participant_synchronizer, {what}", "participant_synchronizer", options, node)


def _transfer(state: str, options: dict[str, Any], how: str = "") -> Step:
    return Step(f"participant_acs_transfer, {state}{how}", "participant_acs_transfer", {"state": state, **options})
