# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kms_key_material through real ansible-playbook, and a search for the private keys in all that the runs leave behind."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playbook.conftest import StartNetwork
from playbook.harness import Sandbox
from playbook.kms_playbook import Playbook
from playbook.leaks import Processes, files_below, private_keys, secret_number, shows

TOPOLOGY: dict[str, Any] = {
    "synchronizers": {"old": {"protocol_version": 35}},
    "kms": {"always": True},
    "participants": {
        "source": {"key_spec": "ec_p256", "preview_commands": True},
        "closed": {"key_spec": "ec_p256"},
    },
}
PURPOSES = ["namespace", "encryption"]


class Watched(Playbook):
    """What Ansible writes goes below ``directory`` and stays there. Everybody is as talkative as can be."""

    def __init__(self, directory: Path, net: Sandbox) -> None:
        kms = net.info()["kms"]
        super().__init__(directory, kms["endpoint"])
        self.defaults.update(region=kms["region"], access_key=kms["aws_access_key_id"])
        self.defaults.update(secret_key=kms["aws_secret_access_key"])
        self.outputs: list[str] = []
        self.processes = Processes()

    def environment(self) -> dict[str, str]:
        temporary = self.directory / "tmp"
        temporary.mkdir(exist_ok=True)
        talkative = {
            "TMPDIR": str(temporary),
            "ANSIBLE_LOCAL_TEMP": str(temporary / "local"),
            "ANSIBLE_REMOTE_TMP": str(temporary / "remote"),
            "ANSIBLE_KEEP_REMOTE_FILES": "true",
            "ANSIBLE_LOG_PATH": str(self.directory / "ansible.log"),
            "ANSIBLE_DEBUG": "true",
            "GRPC_TRACE": "http,api,channel",
            "GRPC_VERBOSITY": "debug",
        }
        return {**super().environment(), **talkative}

    def run(self, *tasks: dict[str, Any], flags: tuple[str, ...] = ("-vvvv", "--diff")) -> list[dict[str, Any]]:
        try:
            return super().run(*tasks, flags=flags)
        finally:
            self.outputs.append(self.output)

    def left_behind(self) -> Iterator[tuple[str, bytes]]:
        yield "output", "".join(self.outputs).encode()
        yield "processes", b"\n".join(self.processes.seen)
        yield from files_below(self.directory)


def test_the_search_finds() -> None:
    secret = bytes(range(200, 232))
    for hidden in (b"x" + secret, base64.b64encode(b"ab" + secret + b"c"), secret.hex(" ").upper().encode()):
        assert shows(b"before" + hidden + b"after", secret)
    assert not shows(b"nothing", secret)


def material(net: Sandbox, node: str = "source", **options: Any) -> dict[str, Any]:
    port = net.info()["participants"][node]["admin_port"]
    return {"ledgerops.canton.kms_key_material": {"source": {"endpoint": f"127.0.0.1:{port}"}, **options}}


def test_import_and_no_secret_anywhere(network: StartNetwork, tmp_path: Path) -> None:
    net = network(TOPOLOGY)
    book = Watched(tmp_path, net)
    all_keys = {**material(net, purpose="{{ item }}", alias="one/{{ item }}", tags={"host": "p1"}), "loop": PURPOSES}
    proof = {"ledgerops.canton.kms_key": {"alias": "one/{{ item }}", "probe": True}, "loop": PURPOSES}
    bad = {
        "preview_commands_off": material(net, "closed", purpose="namespace", alias="one/other"),
        "key_differs": material(net, purpose="protocol", alias="one/namespace"),
        "AccessDeniedException": material(net, purpose="namespace", alias="x", access_key="sandbox-without-permission"),
    }
    with book.processes:
        (said,) = book.run(all_keys, flags=("--check", "--diff", "-vvvv"))
        done, again, proven, *refused = book.run(
            all_keys, all_keys, proof, *({**task, "ignore_errors": True} for task in bad.values())
        )
    assert [item["changed"] for item in done["results"]] == [True] * 2
    assert [item["diff"] for item in said["results"]] == [item["diff"] for item in done["results"]]
    assert [item["changed"] for item in again["results"]] == [False] * 2
    assert [item["key"] for item in again["results"]] == [item["key"] for item in done["results"]]
    assert [item["source_key"]["fingerprint"] for item in done["results"]] == [
        item["key"]["fingerprint"] for item in proven["results"]
    ]
    assert [item["probe"] for item in proven["results"]] == ["sign_verify", "encrypt_decrypt"]
    assert [item["error_id"] for item in refused] == list(bad)
    assert all(item["hint"] in item["msg"] for item in refused)
    assert "canton.features.enable-preview-commands" in refused[0]["hint"]

    secrets = [secret_number(der) for der in private_keys(net.database, "source")]
    assert len(secrets) == 4
    places = dict(book.left_behind())
    # the search looks at the right things
    assert b"kms_key_material" in places["output"] and b"ansible-playbook" in places["processes"]
    assert any("AnsiballZ_kms_key_material" in place for place in places)
    assert [place for place, content in places.items() if any(shows(content, secret) for secret in secrets)] == []
