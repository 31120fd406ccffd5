# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks, and the KMS, for the tests that speak to the sandbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from sandbox.cli import topology_file
from sandbox.cli.network import Network
from sandbox.kms.aws import server
from sandbox.kms.facts import DUMMY_CREDENTIALS, KMS
from sandbox.state import store

MakeNetwork = Callable[[dict[str, Any]], Network]


def playing(topology: dict[str, Any], line: str) -> dict[str, Any]:
    """The topology with all its participants of this line."""
    participants = {name: {"release": line, **entry} for name, entry in topology["participants"].items()}
    return {**topology, "participants": participants}


@pytest.fixture(scope="module")
def make_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeNetwork]:
    """Starts networks from topologies (as in a topology file); all of them end with the module."""
    with ExitStack() as stack:

        def make(topology: dict[str, Any]) -> Network:
            state = tmp_path_factory.mktemp("network")
            return stack.enter_context(Network(topology_file.check(topology), state, logs=state / "logs"))

        yield make


@pytest.fixture
def make_short_network(tmp_path: Path) -> Iterator[MakeNetwork]:
    """The same for one test: its networks end with it."""
    with ExitStack() as stack:

        def make(topology: dict[str, Any]) -> Network:
            state = tmp_path / f"network-{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(Network(topology_file.check(topology), state, logs=state / "logs"))

        yield make


def kms_client(network: Any, access_key: str, region: str = "") -> Any:
    settings = network.info()["kms"]
    return boto3.client(
        "kms",
        endpoint_url=settings["endpoint"],
        region_name=region or settings["region"],
        aws_access_key_id=access_key,
        aws_secret_access_key=settings["aws_secret_access_key"],
    )


def put_material(client: Any, key_id: str, material: bytes) -> None:
    """Import a private key into the KMS the way that AWS describes."""
    parameters = client.get_parameters_for_import(
        KeyId=key_id, WrappingAlgorithm="RSA_AES_KEY_WRAP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    outer: Any = serialization.load_der_public_key(parameters["PublicKey"])
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    wrapped = outer.encrypt(b"k" * 32, oaep) + keywrap.aes_key_wrap_with_padding(b"k" * 32, material)
    client.import_key_material(
        KeyId=key_id,
        ImportToken=parameters["ImportToken"],
        EncryptedKeyMaterial=wrapped,
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )


class Served:
    """A KMS in this process, its knobs and a client that does not repeat calls."""

    def __init__(self, state: Path) -> None:
        self._store = store.create(state / "network.db")
        self._server = server.open_server(0, state)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.client = self.open_client(30)

    def open_client(self, read_timeout: float) -> Any:
        return boto3.client(
            "kms",
            endpoint_url=f"http://127.0.0.1:{self._server.server_address[1]}",
            region_name="eu-central-1",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout),
            aws_access_key_id=DUMMY_CREDENTIALS["aws_access_key_id"],
            aws_secret_access_key=DUMMY_CREDENTIALS["aws_secret_access_key"],
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def set(self, key: str, value: Any) -> None:
        self._store.set_knob(KMS, key, value)

    def create(self, spec: str, **more: Any) -> str:
        usage = "ENCRYPT_DECRYPT" if spec.startswith(("RSA", "SYM")) else "SIGN_VERIFY"
        answer = self.client.create_key(**{"KeySpec": spec, "KeyUsage": usage, "Origin": "EXTERNAL", **more})
        return str(answer["KeyMetadata"]["KeyId"])

    def put(self, key_id: str, material: bytes) -> None:
        put_material(self.client, key_id, material)

    def state(self, key_id: str) -> str:
        return str(self.client.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    kms = Served(tmp_path)
    yield kms
    kms.close()
