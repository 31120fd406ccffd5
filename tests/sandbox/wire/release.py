# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the released lines of Canton that the sandbox can play."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

PROTOS = Path(__file__).parent.parent / "protos"


@dataclass(frozen=True)
class Release:
    """One line: where its wire definitions lie and which of its habits differ from those of other lines."""

    name: str
    version: str
    # The wire definitions of all lines of its major release; ``definitions`` leaves out what other lines have of their own.
    protos: Path
    reflection: str
    protocol_versions: tuple[int, ...]
    # Proto version number inside the versioned wrapper (docs/canton/contracts.md#versioned-wrapper).
    wrapper_version: int
    # A synchronizer never accepts a removed namespace delegation again
    # (docs/canton/topology.md#removed-delegations-never-return).
    revocation_is_final: bool
    # ImportAcs takes the whole snapshot first, then imports it batch by batch for each synchronizer in it
    # (docs/canton/canton-3-4.md#import-in-batches).
    buffered_import: bool = False
    # Kinds of mappings that ListAll and snapshots of other lines can select and this one cannot
    # (docs/canton/canton-3-4.md#missing-calls).
    unknown_short_codes: tuple[str, ...] = ()
    # "v30": synchronizers, serials and proposals (Canton 3); "v0": domains and element ids (Canton 2).
    dialect: str = "v30"
    # The message that is the versioned wrapper.
    wrapper: str = "version.v1.UntypedVersionedMessage"
    # The keys that a participant has of its own, by their purposes.
    own_keys: tuple[str, ...] = ("namespace", "sequencer_auth", "signing", "encryption")


_CANTON_2_8 = Release(
    name="2.8",
    version="2.8.12",
    protos=PROTOS / "v2",
    reflection="grpc.reflection.v1alpha",
    protocol_versions=(4, 5),
    # Not used: it depends on message and protocol version (docs/canton/canton-2.md#versions-of-messages).
    wrapper_version=0,
    revocation_is_final=False,
    dialect="v0",
    wrapper="version.UntypedVersionedMessage",
    own_keys=("namespace", "signing", "encryption"),
)

RELEASES = {
    "2.8": _CANTON_2_8,
    "2.10": replace(_CANTON_2_8, name="2.10", version="2.10.4", protocol_versions=(5, 7)),
    "3.4": Release(
        name="3.4",
        version="3.4.12",
        protos=PROTOS / "v3",
        reflection="grpc.reflection.v1alpha",
        protocol_versions=(34,),
        wrapper_version=30,
        # Observed on 3.5 only (docs/canton/topology.md#removed-delegations-never-return).
        revocation_is_final=True,
        buffered_import=True,
        unknown_short_codes=("lsu", "scs"),
    ),
    "3.5": Release(
        name="3.5",
        version="3.5.10-SNAPSHOT",
        protos=PROTOS / "v3",
        reflection="grpc.reflection.v1",
        protocol_versions=(34, 35),
        wrapper_version=30,
        revocation_is_final=True,
    ),
}


def release(name: str) -> Release:
    """The line of this name; ``KeyError`` when the sandbox does not know it."""
    return RELEASES[name]


def founding(protocol_version: int) -> Release:
    """The line whose wire definitions a synchronizer of this protocol version is founded with: the newest that has it.

    ``KeyError`` when no line has it.
    """
    able = [line for line in RELEASES.values() if protocol_version in line.protocol_versions]
    if not able:
        raise KeyError(f"no line of Canton has protocol version {protocol_version}")
    return able[-1]


def highest_common(names: set[str]) -> int | None:
    """The highest protocol version that all of these lines have; ``None`` when there is none."""
    common = set.intersection(*(set(RELEASES[name].protocol_versions) for name in names))
    return max(common, default=None)
