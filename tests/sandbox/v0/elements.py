# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of topology elements of Canton 2: whom they are about, and who has to sign them
(docs/canton/canton-2.md#topology-elements).

An element is a pair of the field's name in TopologyStateUpdate (or ``domain_parameters_change``) and the message in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sandbox.v0 import keys
from sandbox.wire import ids

ADD, REMOVE, REPLACE = 0, 1, 2
BOTH, FROM, TO = 1, 2, 3
SUBMISSION, DISABLED = 1, 4

NSD = "namespace_delegation"
IDD = "identifier_delegation"
OTK = "owner_to_key_mapping"
PTP = "party_to_participant"
STATE = "participant_state"
VTP = "vetted_packages"
CHECK_ONLY = "check_only_packages"
MEDIATOR = "mediator_domain_state"
CLAIM = "signed_legal_identity_claim"
PARAMETERS = "domain_parameters_change"

# Where the fields that hold ids are bare uids and where they have a member's code in front
# (docs/canton/canton-2.md#ids-of-domains-and-members).
_ONE_UID = {
    IDD: "unique_identifier",
    OTK: "key_owner",
    VTP: "participant",
    CHECK_ONLY: "participant",
    PARAMETERS: "domain",
}
_TWO_UIDS = {PTP: ("party", "participant"), STATE: ("domain", "participant"), MEDIATOR: ("domain", "mediator")}


class Element(NamedTuple):
    """A mapping with its kind."""

    kind: str
    item: Any

    @property
    def data(self) -> bytes:
        """What makes two elements the same mapping."""
        return self.kind.encode() + b" " + bytes(self.item.SerializeToString(deterministic=True))


class Need(NamedTuple):
    """Authority over a uid; over a whole namespace when ``uid`` is empty, with root rights when ``root`` is set."""

    namespace: str
    uid: str = ""
    root: bool = False


def bare(identifier: str) -> str:
    """A uid without the code of a member."""
    return "::".join(ids.split(identifier))


def uids(element: Element) -> list[str]:
    """Whom the element is about: for two-sided ones both sides, whichever has signed."""
    if element.kind in _ONE_UID:
        return [bare(getattr(element.item, _ONE_UID[element.kind]))]
    return [bare(getattr(element.item, field)) for field in _TWO_UIDS.get(element.kind, ())]


def needs(element: Element) -> list[Need]:
    """Whose authority a transaction needs; adding and removing need the same."""
    kind, item = element
    if kind == NSD:
        return [Need(item.namespace, root=True)]
    found = [Need(ids.namespace(uid), uid) for uid in uids(element)]
    if kind in _TWO_UIDS and item.side == FROM:
        return found[:1]
    if kind in _TWO_UIDS and item.side == TO:
        return found[1:]
    return found


def namespaces(element: Element) -> set[str]:
    """All namespaces that the element touches."""
    return {element.item.namespace} if element.kind == NSD else {ids.namespace(uid) for uid in uids(element)}


def is_root_certificate(element: Element) -> bool:
    item = element.item
    return element.kind == NSD and bool(item.is_root_delegation and keys.fingerprint(item.target_key) == item.namespace)


def replaces(new: Element, old: Element) -> bool:
    """Whether adding ``new`` with replace_existing takes ``old`` away: two-sided ones with the same side and ids do that,
    whatever the permission; of the other kinds any number can stand side by side."""
    if new.kind != old.kind or new.kind not in _TWO_UIDS:
        return False
    fields = ("side", *_TWO_UIDS[new.kind])
    return all(getattr(new.item, field) == getattr(old.item, field) for field in fields)
