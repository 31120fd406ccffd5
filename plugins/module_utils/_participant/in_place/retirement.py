# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is left when a migration in place is accepted: nothing may be signed or decrypted outside of the KMS any more.

The old keys leave the mapping, the encryption key gives way to one that is born in the KMS, the old private keys are deleted from the database.
"""

from __future__ import annotations

from ..._errors import CantonError
from ..migration.plan import Step, step
from .plan import DELETED, RETIRED, Seen, Situation


def steps(found: Situation) -> list[Step]:
    """``keys`` (of the KMS), ``rotate`` (the encryption key), ``mapping`` (without the old keys), ``delete`` (the old private keys) and ``restart``
    (without them). The situation is one that was planned with ``retiring``."""
    seen = found.seen
    if seen is None or not seen.on_kms or not seen.connected or not found.targets:
        raise CantonError(
            "The participant does not serve from the KMS, so its old keys cannot be retired",
            error_id="in_place_not_serving",
            hint="Run ledgerops.canton.migrate_in_place to its end first.",
        )
    missing = [each for each in found.targets if each.key is None]
    retired = bool(found.journal.last(RETIRED))
    return [
        step("keys", bool(missing), "the encryption key that is born in the KMS does not exist yet"),
        step(
            "rotate",
            bool(missing) or not _decrypts(found, seen),
            "others encrypt for a key that was outside of the KMS",
        ),
        step("mapping", kms_mapping(seen) is not None, "the mapping has keys that are not in the KMS"),
        step("delete", not found.journal.last(DELETED), "the old private keys are in the participant's database"),
        step("restart", not retired, "it is not proven that the participant starts without them"),
    ]


def _decrypts(found: Situation, seen: Seen) -> bool:
    return [key.fingerprint for key in seen.mapped if key.purpose == "encryption"] == found.fingerprints("encryption")


def kms_mapping(seen: Seen) -> list[str] | None:
    """The mapping with the KMS's keys alone; None when it is so."""
    there = {key.fingerprint for key in seen.own if key.kms_key_id}
    kept = [key.fingerprint for key in seen.mapped if key.fingerprint in there]
    return kept if len(kept) < len(seen.mapped) else None
