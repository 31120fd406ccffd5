# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rollback to the old configuration, which works as long as the old private keys are in the node's database.

The delegation to the KMS's key stays: Canton never accepts a removed one again for the same key, and without the key in the node it is harmless.
"""

from __future__ import annotations

import typing as t

from ..._errors import CantonError
from ..migration.plan import Step, step
from .keys import Choice
from .plan import CHOSEN, DELETED, Seen, Situation, born_encryption


def steps(found: Situation) -> list[Step]:
    """``mapping_back``: the old encryption key becomes the last one again, while the node serves from the KMS; then ``disconnect``,
    ``restart``, ``connect``, ``mapping_own`` (the KMS's keys leave the mapping) and ``restore``."""
    if found.choice is None or not found.journal.last(CHOSEN):
        return []
    if found.journal.last(DELETED):
        raise CantonError(
            "The old private keys were deleted, so the old configuration has no keys",
            error_id="in_place_retired",
            hint="To leave the KMS, migrate in place to own keys (docs/in-place.md).",
        )
    seen = found.seen
    if seen is None:
        return [step("restart", needed=True, why="the participant does not answer"), *_afterwards(found, None)]
    return [
        step(
            "mapping_back",
            bool(seen.connected) and back_order(found, seen) is not None,
            "others encrypt for the KMS's key",
        ),
        step("disconnect", seen.on_kms and bool(seen.connected), "the participant serves from the KMS"),
        step("restart", seen.on_kms, "the participant runs on the KMS"),
        *_afterwards(found, seen),
    ]


def _afterwards(found: Situation, seen: Seen | None) -> list[Step]:
    connected = {item.alias for item in seen.connected} if seen else set()
    wanted = {item["alias"] for item in found.was_connected}
    back = seen is not None and not seen.on_kms
    old = t.cast(Choice, found.choice).old
    return [
        step("connect", not (back and wanted <= connected), "the participant does not serve with its own keys"),
        step(
            "mapping_own",
            not back or seen is None or [key.fingerprint for key in seen.mapped] != list(old),
            "the mapping has keys of the KMS",
        ),
        step("restore", needed=True, why="manual_connect is as it was before"),
    ]


def back_order(found: Situation, seen: Seen) -> list[str] | None:
    """The mapping with the old encryption key as the last one; None when it is so. It only encrypts, so no signature of its own is needed."""
    choice = t.cast(Choice, found.choice)
    mapped = [key.fingerprint for key in seen.mapped]
    if (
        not seen.on_kms
        or not born_encryption(choice)
        or not choice.old_encryption
        or mapped[-1:] == [choice.old_encryption]
    ):
        return None
    return [*(each for each in mapped if each != choice.old_encryption), choice.old_encryption]
