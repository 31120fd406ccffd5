# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canton 2: which participants host a party."""

from __future__ import annotations

import typing as t

from ..._errors import CantonError
from ..model.entities import AUTHORIZED, Host, Hosting
from .v0_messages import BOTH, FROM, MEMBER_PREFIX, PERMISSIONS, TO, WRITE, Node, bare_uid


class Parties(Node):
    def hostings(self, store: str, participant: str = "") -> list[Hosting]:
        """Every pair of a party and a participant is a mapping of its own: all have to be read to see a party's other hosts."""
        sides: dict[str, dict[str, list[tuple[int, int]]]] = {}
        for row in self._list("ListPartyToParticipant", store):
            item = row.item
            of_party = sides.setdefault(item.party, {})
            of_party.setdefault(bare_uid(item.participant), []).append((item.side, item.permission))
        found = [Hosting(party, 1, _hosts(of_party)) for party, of_party in sorted(sides.items())]
        return [item for item in found if (item.host(participant) if participant else item.hosts)]

    def host_parties(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """Each mapping has the one host that is added."""
        requests = [
            {
                "authorization": {"change": "Add"},
                "side": "Both",
                "party": item.party,
                "participant": MEMBER_PREFIX + item.hosts[0].participant,
                "permission": item.hosts[0].permission.capitalize(),
            }
            for item in hostings
        ]
        answers = self.admin.write_many(WRITE + "AuthorizePartyToParticipant", requests, parallel)
        return [answer if isinstance(answer, CantonError) else None for answer in answers]

    def unhost_parties(self, store: str, hostings: t.Sequence[Hosting], parallel: int) -> list[CantonError | None]:
        """Rows of its own store, each repeated as it is."""
        parties = {item.party for item in hostings}
        requests = [
            {
                "authorization": {"change": "Remove"},
                "side": row.item.side,
                "party": row.item.party,
                "participant": row.item.participant,
                "permission": row.item.permission,
            }
            for row in self._list("ListPartyToParticipant", AUTHORIZED)
            if row.item.party in parties and bare_uid(row.item.participant) == self._uid()
        ]
        answers = self.admin.write_many(WRITE + "AuthorizePartyToParticipant", requests, parallel)
        return [answer if isinstance(answer, CantonError) else None for answer in answers]


def _hosts(sides: t.Mapping[str, t.Sequence[tuple[int, int]]]) -> tuple[Host, ...]:
    """The participants for which both the party and they themselves agreed, with the weaker of the two permissions."""
    found = []
    for participant, pairs in sorted(sides.items()):
        granted = [permission for side, permission in pairs if side in (BOTH, FROM)]
        taken = [permission for side, permission in pairs if side in (BOTH, TO)]
        if granted and taken and max(granted + taken) in PERMISSIONS:
            found.append(Host(participant, PERMISSIONS[max(granted + taken)]))
    return tuple(found)
