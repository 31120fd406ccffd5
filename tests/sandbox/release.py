# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the released lines of Canton that the sandbox can play."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROTOS = Path(__file__).parent / "protos"


@dataclass(frozen=True)
class Release:
    """One line: where its wire definitions lie and which of its habits differ from those of other lines."""

    name: str
    version: str
    proto_dir: Path
    reflection: str
    protocol_versions: tuple[int, ...]
    # Proto version number inside the versioned wrapper (admin-api-3 B5).
    wrapper_version: int
    # A synchronizer never accepts a removed namespace delegation again (recordings, "Taking steps back").
    revocation_is_final: bool


RELEASES = {
    "3.5": Release(
        name="3.5",
        version="3.5.10-SNAPSHOT",
        proto_dir=PROTOS / "v3_5",
        reflection="grpc.reflection.v1",
        protocol_versions=(34, 35),
        wrapper_version=30,
        revocation_is_final=True,
    ),
}


def release(name: str) -> Release:
    """The line of this name; ``KeyError`` when the sandbox does not know it."""
    return RELEASES[name]
