# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of the preflight about DARs: whether the target would take those that it lacks."""

from __future__ import annotations

from ..._errors import Busy, CantonError, ConnectionFailed, DarWithoutContent, MessageTooLarge, NotOffered
from ..model.entities import Dar, Synchronizer
from ..model.interface import Participant, Reader
from .findings import Findings


def check_dars(findings: Findings, new: Synchronizer) -> None:
    there = findings.target.dars()
    present = {dar.main for dar in there}
    versions = {(dar.name, dar.version) for dar in there if dar.version}
    lacking = [
        dar
        for dar in findings.source.dars()
        if not (dar.builtin or dar.main in present or dar.is_among(findings.request.exclude_dars))
    ]
    other = [dar for dar in lacking if (dar.name, dar.version) in versions]
    _report_other_builds(findings, other)
    source, target = _node(findings.source), _node(findings.target)
    if source is None or target is None or [item.id for item in target.synchronizers() if item.connected] != [new.id]:
        return
    for dar in lacking:
        if dar not in other:
            _validate(findings, source, target, dar, new.id)


def _report_other_builds(findings: Findings, other: list[Dar]) -> None:
    """A node vets one build of a name and version only (docs/canton/packages.md#one-build-of-a-name-and-version)."""
    if other:
        names = sorted(f"{dar.name} {dar.version}" for dar in other)
        findings.error(
            "other_build_on_target",
            f"The target has another build of {len(other)} DARs of the source with the same name and version: {', '.join(names[:3])}",
            "Remove that build from the target, or exclude these DARs if no contract uses them. A node refuses both (KNOWN_PACKAGE_VERSION).",
        )


def _node(participant: Reader) -> Participant | None:
    """None for a dossier, which has no DAR files before a migration starts, and nothing to ask."""
    try:
        return participant.require_live("validating DARs")
    except CantonError:
        return None


def _validate(findings: Findings, source: Participant, target: Participant, dar: Dar, synchronizer: str) -> None:
    """Have the target check a DAR as at an upload; nothing is stored (docs/canton/packages.md#refused-dars)."""
    name = f"{dar.name} {dar.version}".strip()
    try:
        payload = source.download_dar(dar.main)
        target.validate_dar(payload, dar.name, synchronizer)
    except MessageTooLarge:
        findings.error(
            "dar_too_large",
            f"DAR {name} has {len(payload) / 2**20:.1f} MiB, more than the target accepts in one message",
            "Raise admin-api.max-inbound-message-size in the target's configuration and restart it, or exclude the DAR if no contract uses it.",
        )
    except (Busy, ConnectionFailed):
        raise
    except DarWithoutContent as exc:
        findings.error("dar_without_content", exc.message, exc.hint)
    except NotOffered:
        return
    except CantonError as exc:
        findings.error(
            "dar_refused",
            f"The target refuses DAR {name}: {exc.message}",
            "Fix the cause that it names, or exclude the DAR if no contract uses it.",
        )
