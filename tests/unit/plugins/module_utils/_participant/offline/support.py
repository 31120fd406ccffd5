# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from unit.plugins.fakes import Fake

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.offline import dossier
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.offline.participant import (
    OfflineParticipant,
)


def written(path: str, participant: Fake, sections: Any = dossier.SECTIONS, uid: str | None = None) -> Any:
    dossier.write(path, participant, sections, [])
    return OfflineParticipant(path, participant.label, uid)
