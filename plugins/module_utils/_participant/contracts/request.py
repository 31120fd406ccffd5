# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One call of ``participant_acs_transfer``: who, what, where, and what is known of it already."""

from __future__ import annotations

import dataclasses
import typing as t

from ..._errors import CantonError
from ..model.interface import Participant, Reader
from ..topology import synchronizers
from .export import TransferSpec, refuse_other_pair, spec_between
from .progress import Report, silent
from .snapshot import Manifest, SnapshotFiles, SnapshotMissing


@dataclasses.dataclass(frozen=True)
class TransferRequest:
    """One call of the module; ``base`` is the snapshot's path without ending, or nothing for a pipe."""

    source: Reader | None
    target: Reader
    base: str | None
    parties: t.Sequence[str]
    source_synchronizer: str | None
    target_synchronizer: str
    check: bool
    protocol_version: int | None = None
    report: Report = silent
    seconds: float = 300.0

    def live_source(self) -> Participant:
        return self._from()[0].require_live("exporting contracts")

    def live_target(self) -> Participant:
        return self.target.require_live("importing and purging contracts")

    def _from(self) -> tuple[Reader, str]:
        """The source and its synchronizer; the module's spec requires both options."""
        if self.source is None or self.source_synchronizer is None:
            raise CantonError(
                "This state requires source and source_synchronizer", "source_missing", "Set both options."
            )
        return self.source, self.source_synchronizer

    def ends(self) -> tuple[Reader, TransferSpec]:
        """The source and the transfer. Both nodes are read for it, and all parties of the source are listed."""
        source, source_synchronizer = self._from()
        new = synchronizers.known(self.target, self.target_synchronizer)
        return source, spec_between(
            source,
            self.target.identity().uid,
            self.parties,
            source_synchronizer,
            new.id,
            self.protocol_version or self.target.protocol_version(new),
        )

    def files(self) -> SnapshotFiles:
        if self.base is None:
            raise CantonError(
                "This state requires path", "path_missing", "Set path to the base name of the snapshot's files."
            )
        return SnapshotFiles(self.base)

    def manifest(self) -> Manifest:
        found = self.files().read_manifest()
        if found is None:
            raise SnapshotMissing(
                f"There is no snapshot {self.base}.acs.gz with a manifest",
                hint="Export first, or set path to the path of the export.",
            )
        refuse_other_pair(found, self.source.identity().uid if self.source else None, self.target.identity().uid)
        return found
