# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The address of an API and how to connect to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """The address of one API and how to connect to it. ``timeout`` and ``ready_timeout`` are seconds."""

    address: str
    label: str = "participant"
    tls: bool = False
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    server_name: str | None = None
    token: str | None = None
    token_file: str | None = None
    timeout: float = 60.0
    ready_timeout: float = 60.0
    descriptors_file: str | None = None
    # where the description of the node is kept for the tasks after this one
    description_cache: str | None = None

    def where(self) -> str:
        return f"the {self.label} at {self.address}"

    def at_start(self) -> str:
        """The same at the beginning of a sentence."""
        return f"The {self.label} at {self.address}"
