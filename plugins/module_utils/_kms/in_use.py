# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a participant uses a key of a KMS: read before the key is deleted, or loses an alias that a node may have registered."""

from __future__ import annotations

import typing as t
from functools import partial

from .. import _connection
from .._errors import CantonError
from .model import Key, Params

if t.TYPE_CHECKING:
    from .._participant.model.entities import Key as NodeKey
    from .._participant.model.interface import Participant

Open = t.Callable[[], "Participant"]
NamesKey = t.Callable[[str], bool]


def participants_of(params: Params) -> list[Open]:
    """The participants of ``in_use_by``, opened when they are read; none with ``force``. gRPC is needed only if there are some."""
    if not params["in_use_by"] or params["force"]:
        return []
    _connection.check_dependencies()
    return [
        partial(_connection.participant_of, options, f"participant {number} of in_use_by")
        for number, options in enumerate(params["in_use_by"], 1)
    ]


def refuse_while_listed(key: Key, participants: t.Iterable[Open], names_key: NamesKey, what: str) -> None:
    """Raise CantonError when one of the participants lists the key, or can't be asked.

    It does when it has the public key, or knows a key by a name that ``names_key`` accepts. ``what`` ends "Key X ...".
    """

    def is_same(listed: NodeKey) -> bool:
        return bool(key.public_key_der and listed.der == key.public_key_der) or any(map(names_key, _names(listed)))

    users = _users(participants, is_same, f"lists key {key.full_name}")
    if users:
        raise CantonError(
            f"Key {key.full_name} {what}, since it is in use by {', '.join(users)}",
            error_id="key_in_use",
            hint="Give these participants other keys first, or retire them. Set force to true only if they never run "
            "again: what only this key signs or decrypts is lost with it.",
            details={"arn": key.full_name, "participants": users},
        )


def refuse_while_named(participants: t.Iterable[Open], alias: str, names_alias: NamesKey) -> None:
    """Raise CantonError when one of the participants has registered a key under this alias."""
    users = _users(participants, lambda listed: any(map(names_alias, _names(listed))), f"has registered {alias}")
    if users:
        raise CantonError(
            f"{alias} can't be moved or removed: {', '.join(users)} has registered a key by it",
            error_id="alias_in_use",
            hint="Such a node doesn't notice: it keeps the old public key and fails at its next signature. Register the "
            "key's ARN with it first, or set force to true to do it all the same.",
            details={"participants": users},
        )


def _users(participants: t.Iterable[Open], uses: t.Callable[[NodeKey], bool], fact: str) -> list[str]:
    """The ids of the participants that have a key for which ``uses`` is true."""
    found = []
    for each in participants:
        try:
            participant = each()
            uid, listed = participant.identity().uid, participant.own_keys()
        except CantonError as exc:
            raise CantonError(
                f"Cannot determine whether a participant {fact}: {exc.message}",
                error_id="in_use_unknown",
                hint=f"{exc.hint} Or remove the participant from in_use_by, or set force to true, if it no longer exists.".strip(),
                retryable=exc.retryable,
                details=exc.details,
            ) from exc
        if any(map(uses, listed)):
            found.append(uid)
    return found


def _names(listed: NodeKey) -> list[str]:
    return [name for name in (listed.kms_key_id, listed.wrapper_key_id) if name]
