# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules and procedures can ask of a participant, whatever release runs there."""

from __future__ import annotations

import typing as t

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError

if t.TYPE_CHECKING:
    from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v0 import V0
    from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.v30 import V30
    from ansible_collections.ledgerops.canton.plugins.module_utils._participant.offline.participant import (
        RecordedParticipant,
    )

    Participant = t.Union[V0, V30, RecordedParticipant]
else:
    Participant = object


def refuse_unlike(source: Participant, target: Participant) -> None:
    """Nothing of a participant of Canton 2 can move to one of Canton 3, or back
    (docs/canton/migration.md#no-migration-between-canton-2-and-canton-3)."""
    if source.MAJOR != target.MAJOR:
        raise CantonError(
            f"The {source.label} runs Canton {source.MAJOR} and the {target.label} Canton {target.MAJOR}: neither contracts nor topology can move between them",
            error_id="release_lines",
            hint="Migrate within one major release; from Canton 2 to 3 only the applications can carry their data.",
        )
