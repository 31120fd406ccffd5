# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError


def refused(call: Any) -> CantonError:
    """The error that a call ends with."""
    with pytest.raises(CantonError) as caught:
        call()
    return caught.value
