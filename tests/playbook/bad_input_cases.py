# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input that leaves no trace, so that the cases of one table share one run."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from typing import Any

from playbook.bad_input import WRONG_TOKEN, Case, Stage
from playbook.harness import Task, task

from sandbox.wire import auth

EXCLUDE = "Exclude them (they stay on the source)"
CONNECTED: dict[str, Case] = {
    "unknown party": Case(
        lambda stage: stage.host("Nobody"), "parties_not_movable", "the source does not host it", EXCLUDE
    ),
    "party of another namespace": Case(
        lambda stage: stage.host("Foreign"),
        "parties_not_movable",
        "it belongs to another namespace",
        "signed by the holder of its root key",
    ),
    "decentralised party": Case(
        lambda stage: stage.host("Joint"),
        "parties_not_movable",
        "its namespace is decentralised",
        EXCLUDE,
        unlike_canton_2="Canton 2 has no decentralised namespaces",
    ),
    "multi-hosted party": Case(
        lambda stage: stage.host("Shared"), "parties_not_movable", "it is hosted by 2 participants", EXCLUDE
    ),
    "admin party": Case(
        lambda stage: stage.host("admin"), "parties_not_movable", "it is the admin party of the source", EXCLUDE
    ),
    "two of three are bad": Case(
        lambda stage: stage.host("Alice", "Nobody", "Foreign"), "parties_not_movable", "2 of the parties", EXCLUDE
    ),
    "party without delegation": Case(
        lambda stage: stage.host("Alice"),
        "redacted",
        "could not be hosted",
        "the delegation of the namespace is on this synchronizer",
        canton_2_id="NO_APPROPRIATE_SIGNING_KEY_IN_STORE",
    ),
    "namespace key not in the vault": Case(
        lambda stage: task("participant_namespace_delegation", **stage.both("rootless"), synchronizer="newsync"),
        "namespace_key_missing",
        "The source participant does not hold the root key",
        "Import the root key into its vault",
    ),
    "party that the old participant does not know": Case(
        lambda stage: stage.transfer("exported", "unknown", parties=[stage.party("Nobody")]),
        "unknown_parties",
        "does not host 1 of the parties: Nobody::",
        "Correct parties",
    ),
    "source still connected": Case(
        lambda stage: stage.transfer("exported", "connected"),
        "still_connected",
        "The source participant is still connected to oldsync",
        "Disconnect it with ledgerops.canton.participant_synchronizer",
    ),
    "import before the export": Case(
        lambda stage: stage.transfer("imported", "never"), "snapshot_missing", "There is no snapshot", "Export first"
    ),
    "unknown alias": Case(
        lambda stage: stage.connect("source", "nowhere"),
        "unknown_synchronizer",
        "does not know a synchronizer nowhere",
        "It knows: oldsync",
    ),
    "wrong port": Case(
        lambda stage: stage.look("source", endpoint=f"127.0.0.1:{free_port()}"),
        "unreachable",
        "nothing listens on this port",
        "Check host and port",
        patient=True,
    ),
    "port of the other API": Case(
        lambda stage: stage.look("source", endpoint=stage.net.connection("source")["ledger_endpoint"]),
        "not_offered",
        "has no RPC",
        "that the endpoint is the right API (admin API or ledger API)",
    ),
    "plaintext against TLS": Case(
        lambda stage: stage.look("guarded", tls=False),
        "unreachable",
        "it uses TLS, and tls is false",
        "Set tls to true",
        patient=True,
    ),
    "TLS against plaintext": Case(
        lambda stage: stage.look("source", tls=True),
        "unreachable",
        "it does not use TLS",
        "Set tls to false",
        patient=True,
    ),
    "wrong CA": Case(
        lambda stage: stage.look("guarded", ca_cert=wrong_ca(stage)),
        "unreachable",
        "its certificate is not trusted",
        "Set ca_cert to the CA of the node's certificate",
        patient=True,
    ),
    "no client certificate": Case(
        lambda stage: stage.look("mutual", client_cert=None, client_key=None),
        "unreachable",
        "requires a client certificate",
        "Set client_cert and client_key",
        patient=True,
    ),
    "wrong token": Case(
        lambda stage: stage.look("guarded", token=WRONG_TOKEN),
        "PERMISSION_DENIED",
        "denies",
        "Use a token with admin rights",
    ),
    "no token": Case(
        lambda stage: stage.look("guarded", token=None),
        "UNAUTHENTICATED",
        "did not accept the credentials",
        "Set a valid token (token or token_file)",
    ),
    "token file that is not there": Case(
        lambda stage: stage.look("guarded", token=None, token_file=str(stage.folder / "no-token")),
        "token_file_unreadable",
        "cannot be read",
        "Name a file",
    ),
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wrong_ca(stage: Stage) -> str:
    """The CA of some other network."""
    auth.make_certificates(stage.folder / "elsewhere")
    return str(stage.folder / "elsewhere" / "ca.pem")


def copied(stage: Stage, name: str, data: Callable[[bytes], bytes] = bytes, **manifest: Any) -> str:
    """A copy of the right snapshot with its manifest, altered."""
    for ending in (".acs.gz", ".manifest.json"):
        shutil.copy(stage.folder / f"right{ending}", stage.folder / f"{name}{ending}")
    file = stage.folder / f"{name}.acs.gz"
    file.write_bytes(data(file.read_bytes()))
    file = stage.folder / f"{name}.manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **manifest}), encoding="utf-8")
    return name


def changed_byte(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def forgotten_rename(stage: Stage) -> Task:
    old = stage.net.synchronizer("old")
    return stage.transfer("imported", copied(stage, "not-renamed", renames={old: old}))


AGAIN = "Delete the file and its manifest, and export again"
IMPORTS: dict[str, Case] = {
    "target still connected": Case(
        lambda stage: stage.transfer("imported", "right"),
        "still_connected",
        "The target participant is still connected to newsync",
        "Disconnect it with ledgerops.canton.participant_synchronizer",
    ),
    "target still connected, through a pipe": Case(
        lambda stage: stage.transfer("transferred", "right", path=None),
        "still_connected",
        "The target participant is still connected to newsync",
        "Disconnect it with ledgerops.canton.participant_synchronizer",
    ),
    "snapshot cut short": Case(
        lambda stage: stage.transfer("imported", copied(stage, "cut", lambda content: content[:-100])),
        "snapshot_damaged",
        "bytes in its manifest",
        AGAIN,
    ),
    "snapshot changed by one byte": Case(
        lambda stage: stage.transfer("imported", copied(stage, "changed", changed_byte)),
        "snapshot_damaged",
        "The snapshot is damaged",
        AGAIN,
    ),
    "changed byte that leaves gzip and contracts intact": Case(
        lambda stage: stage.transfer(
            "imported", copied(stage, "time", lambda content: content[:4] + b"?" + content[5:])
        ),
        "snapshot_damaged",
        "its sha256 differs from its manifest",
        AGAIN,
    ),
    "snapshot with something behind it": Case(
        lambda stage: stage.transfer("imported", copied(stage, "longer", lambda content: content + b"more")),
        "snapshot_damaged",
        "The snapshot is damaged",
        AGAIN,
    ),
    "snapshot for another target": Case(
        lambda stage: stage.transfer("imported", "right", "second"),
        "snapshot_of_another_pair",
        "belongs to another pair of participants",
        "Set path to the snapshot of this pair",
    ),
    "snapshot of another source": Case(
        lambda stage: stage.transfer("imported", "right", source=stage.net.connection("second")),
        "snapshot_of_another_pair",
        "belongs to another pair of participants",
        "Set path to the snapshot of this pair",
    ),
    "rename that was forgotten": Case(
        forgotten_rename,
        "synchronizer_not_renamed",
        "exported for another synchronizer",
        "Export again with target_synchronizer set",
    ),
    "no receipt to verify": Case(
        lambda stage: stage.transfer("verified", "right"), "receipt_missing", "no receipt", "Import first"
    ),
}
