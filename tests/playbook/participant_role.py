# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of the role kms_participant, for the tests of what it writes and of how it runs a service."""

from __future__ import annotations

from typing import Any

AWS = {"type": "aws", "region": "eu-central-1"}
# one word of it gives it away, however the rest is written
WORD = "cleartextword"
PASSWORD = f'a "{WORD}" with $ and \\'
Options = dict[str, Any]


def variables(options: Options) -> Options:
    return {f"kms_participant_{name}": value for name, value in options.items()}
