# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: see README.md of the sandbox."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from sandbox.cli import configuration, control, lines, network, topology_file
from sandbox.cli.control import NetworkError
from sandbox.cli.network import Network
from sandbox.cli.topology_file import TopologyError
from sandbox.state.store import Store


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A sandbox of a small Canton network.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="run a network until SIGTERM or SIGINT")
    up.add_argument("topology", type=Path)
    up.add_argument("--state", type=Path, help="directory to keep the state in (default: a temporary one)")
    up.add_argument("--ready-file", type=Path, help="written when the network is ready")
    for name, text in (("stop", "stop a participant, or all"), ("start", "start it again"), ("kill", "kill -9 it")):
        command = commands.add_parser(name, help=text)
        command.add_argument("name")
        command.add_argument("--state", type=Path, required=True)
    knob = commands.add_parser(
        "set", help="turn a knob of a participant, or of kms: KEY=VALUE, the value in JSON or plain text"
    )
    knob.add_argument("name")
    knob.add_argument("setting", metavar="KEY=VALUE")
    knob.add_argument("--state", type=Path, required=True)
    pruning = commands.add_parser("prune", help="prune a participant's ledger up to an offset")
    pruning.add_argument("name")
    pruning.add_argument("offset", type=int)
    pruning.add_argument("--state", type=Path, required=True)
    deleting = commands.add_parser(
        "delete-private-keys", help="delete the private keys of a participant's own store, as in its database"
    )
    deleting.add_argument("name")
    deleting.add_argument("--state", type=Path, required=True)
    creating = commands.add_parser("create", help="create contracts through a participant; prints their ids")
    creating.add_argument("name")
    creating.add_argument("--template", default="Iou:Iou")
    creating.add_argument("--dar", help="name of a DAR that the participant has (default: its first)")
    creating.add_argument("--signatories", required=True, type=_parties, metavar="PARTY,...")
    creating.add_argument("--observers", default=[], type=_parties, metavar="PARTY,...")
    creating.add_argument("--count", type=int, default=1)
    archiving = commands.add_parser("archive", help="archive contracts through a participant")
    archiving.add_argument("name")
    archiving.add_argument("contract_ids", nargs="+", metavar="CONTRACT_ID")
    for command in (creating, archiving):
        command.add_argument("--synchronizer", help="its name (default: the first connected one that takes it)")
        command.add_argument("--state", type=Path, required=True)
    node = commands.add_parser("node", help="one participant (started by up)")
    node.add_argument("name")
    node.add_argument("--state", type=Path, required=True)
    kms = commands.add_parser("kms", help="the KMS (started by up)")
    kms.add_argument("port", type=int)
    kms.add_argument("--state", type=Path, required=True)
    return parser


def _up(arguments: argparse.Namespace) -> None:
    topology = topology_file.load(arguments.topology)
    state = arguments.state or Path(tempfile.mkdtemp(prefix="canton-sandbox-"))
    running = Network(topology, state.resolve())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: running.stopped.set())
    try:
        running.start()
        if arguments.ready_file:
            arguments.ready_file.write_text(f"{state.resolve() / 'network.json'}\n")
        print("ready", flush=True)
        running.stopped.wait()
    finally:
        running.stop()
        if not arguments.state:
            shutil.rmtree(state, ignore_errors=True)


def _node(arguments: argparse.Namespace) -> None:
    from sandbox.cli import process  # loads all services, which no other command needs

    configuration.take_effect(_opened(arguments.state), arguments.name)
    process.Process(lines.node(arguments.name, arguments.state)).run()


def _set(arguments: argparse.Namespace) -> None:
    key, equals, text = arguments.setting.partition("=")
    if not equals:
        raise NetworkError("KEY=VALUE is wanted")
    try:
        value: Any = json.loads(text)
    except ValueError:
        value = text
    configuration.turn(_opened(arguments.state), arguments.name, key, value)


def _prune(arguments: argparse.Namespace) -> None:
    network.prune(_opened(arguments.state), arguments.name, arguments.offset)


def _delete_private_keys(arguments: argparse.Namespace) -> None:
    print(network.delete_private_keys(_opened(arguments.state), arguments.name))


def _parties(text: str) -> list[str]:
    return [party for party in text.split(",") if party]


def _create(arguments: argparse.Namespace) -> None:
    from sandbox.cli import live  # loads all services, which no other command needs

    _opened(arguments.state)
    made = live.create(
        arguments.state,
        arguments.name,
        arguments.signatories,
        arguments.observers,
        arguments.count,
        arguments.template,
        arguments.dar,
        arguments.synchronizer,
    )
    print("\n".join(made))


def _archive(arguments: argparse.Namespace) -> None:
    from sandbox.cli import live

    _opened(arguments.state)
    live.archive(arguments.state, arguments.name, arguments.contract_ids, arguments.synchronizer)


def _opened(state: Path) -> Store:
    path = network.database(state)
    if not path.exists():
        raise NetworkError(f"no network in {state}")
    return Store(path)


def _kms(arguments: argparse.Namespace) -> None:
    from sandbox.kms.aws import server

    server.serve(arguments.port, arguments.state)


def main() -> int:
    arguments = _parser().parse_args()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s.%(msecs)03d %(name)s %(message)s", datefmt="%H:%M:%S"
    )
    for noisy in ("botocore", "boto3", "urllib3", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    actions = {
        "up": _up,
        "node": _node,
        "set": _set,
        "prune": _prune,
        "delete-private-keys": _delete_private_keys,
        "create": _create,
        "archive": _archive,
        "kms": _kms,
    }
    try:
        if arguments.command in actions:
            actions[arguments.command](arguments)
        else:
            control.send(arguments.state, arguments.command, arguments.name)
    except (NetworkError, TopologyError, KeyError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0
