# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which form of a versioned message goes with which protocol version (docs/canton/canton-2.md#versions-of-messages)."""

from __future__ import annotations

_TRANSACTION = {3: 0, 4: 1, 5: 1, 6: 2, 7: 3}
_CONTRACT = {3: 0, 4: 1, 5: 1, 6: 2, 7: 2}
# SignedTopologyTransaction and the repair service's ActiveContract have one form only.
SIGNED = ACTIVE_CONTRACT = 0


def transaction_version(protocol_version: int) -> int:
    """Of a TopologyTransaction."""
    return _TRANSACTION[protocol_version]


def oldest_with(version: int) -> int:
    """The oldest protocol version whose TopologyTransaction has this form."""
    return min(number for number, form in _TRANSACTION.items() if form == version)


def contract_version(protocol_version: int) -> int:
    """Of a SerializableContract."""
    return _CONTRACT[protocol_version]
