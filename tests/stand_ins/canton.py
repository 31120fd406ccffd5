# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands for the program of a Canton release: reads configurations as the real one does, and listens where they say.

Its rules are those of the classes of the configuration in Canton's source: a name that it does not know ends it, as pureconfig does.
"""

from __future__ import annotations

import argparse
import signal
import socketserver
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyhocon import ConfigFactory, ConfigTree

KMS = {
    "aws": (
        {"region"},
        {"multi-region-key", "audit-logging", "disable-ssl-verification", "endpoint-override", "retries"},
    ),
    "gcp": ({"location-id", "project-id", "key-ring-id"}, {"audit-logging", "endpoint-override", "retries"}),
    "driver": ({"name", "config"}, {"health-check-period", "retries"}),
}
NODE = {"init", "crypto", "storage", "admin-api", "ledger-api", "http-ledger-api", "monitoring"}
CRYPTO = {"provider", "kms", "private-key-store", "session-signing-keys", "signing", "encryption"}


class Refused(Exception):
    pass


def known(found: Mapping[str, Any], names: set[str], where: str) -> None:
    for name in sorted(set(found) - names):
        raise Refused(f"at '{where}': Unknown key '{name}'")


def needed(found: Mapping[str, Any], names: set[str], where: str) -> None:
    for name in sorted(names - set(found)):
        raise Refused(f"at '{where}': Key not found: '{name}'")


def read(files: list[Path]) -> ConfigTree:
    """All files merged, with the variables of the environment put in. Raises ``Refused``."""
    try:
        return ConfigFactory.parse_string("\n".join(file.read_text(encoding="utf-8") for file in files))
    except OSError as exc:
        raise Refused(str(exc)) from exc
    except Exception as exc:
        raise Refused(f"the configuration can't be parsed: {str(exc)[-200:]}") from exc


def check(config: ConfigTree) -> ConfigTree:
    """The participant's part. Raises ``Refused``."""
    (name,) = config["canton"]["participants"]
    where = f"canton.participants.{name}"
    node: ConfigTree = config["canton"]["participants"][name]
    known(node, NODE, where)
    needed(node, {"storage", "admin-api", "ledger-api"}, where)
    crypto = node["crypto"]
    known(crypto, CRYPTO, f"{where}.crypto")
    needed(crypto["kms"], {"type"}, f"{where}.crypto.kms")
    required, optional = KMS[crypto["kms"]["type"]]
    needed(crypto["kms"], required, f"{where}.crypto.kms")
    known(crypto["kms"], {"type", "session-signing-keys"} | required | optional, f"{where}.crypto.kms")
    if node["storage"]["type"] == "postgres":
        needed(node["storage"]["config"]["properties"], {"password"}, f"{where}.storage.config.properties")
    return node


class Nobody(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        return


def serve(node: ConfigTree) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    socketserver.TCPServer.allow_reuse_address = True
    with socketserver.TCPServer((node["admin-api"]["address"], node["admin-api"]["port"]), Nobody) as server:
        server.serve_forever()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("canton", allow_abbrev=False)
    parser.add_argument("command", choices=["daemon", "generate"])
    parser.add_argument("target", nargs="?", choices=["remote-config"])
    parser.add_argument("-c", "--config", action="append", type=Path, required=True)
    for flag in ("--no-tty",):
        parser.add_argument(flag, action="store_true")
    for flag in ("--log-file-appender", "--log-file-name", "--log-level-root", "--log-encoder"):
        parser.add_argument(flag)
    for flag in ("name", "rolling-pattern", "rolling-history"):
        parser.add_argument(f"--kms-log-file-{flag}")
    parser.add_argument("--kms-log-immediate-flush")
    options = parser.parse_args(arguments)
    try:
        node = check(read(options.config))
    except Refused as exc:
        print(f"ERROR GENERIC_CONFIG_ERROR: {exc}")
        return 1
    if options.command == "generate":
        Path("remote-participant.conf").write_text("", encoding="utf-8")
    else:
        serve(node)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
