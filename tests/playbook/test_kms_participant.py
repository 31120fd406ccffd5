# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role kms_participant: what it writes for each KMS and release line, and what it refuses."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from playbook.harness import Ansible, Run, Task
from playbook.participant_role import AWS, PASSWORD, WORD, Options, variables
from pyhocon import ConfigFactory

from sandbox.kms.gcp.server import served

GCP = {"type": "gcp", "location_id": "europe-west3", "project_id": "my-project", "key_ring_id": "canton"}
DRIVER = {"type": "driver", "name": "my-hsm", "config": {"slot_Id": 3, "library": "/usr/lib/hsm.so"}}
RETRIES = {
    "failures": {"initial_delay": "500 ms", "max_delay": "10 s", "max_retries": 5},
    "create_key_check": {"max_retries": 20},
}
SESSION = {"enabled": True, "key_validity_duration": "5 minutes"}
TLS = {"cert_chain_file": "/tls/api.crt", "private_key_file": "/tls/api.key"}

# What is asked for, and what has to be in the file: by paths below the participant, whose absence is None.
RENDERED: dict[str, tuple[Options, dict[str, Any]]] = {
    "aws-3-5": (
        {
            "kms": {**AWS, "multi_region_key": True, "audit_logging": True, "retries": RETRIES},
            "session_signing_keys": SESSION,
            "schemes": {"signing": "ec_secp256k1", "encryption": "rsa_2048"},
            "storage": {"password": PASSWORD, "host": "db.example.com", "ssl": True, "ssl_mode": "verify-full"},
            "admin_api": {
                "address": "0.0.0.0",
                "port": 6012,
                "tls": {
                    **TLS,
                    "trust_collection_file": "/tls/ca.crt",
                    "client_auth": "require",
                    "admin_client": {"cert_chain_file": "/tls/own.crt", "private_key_file": "/tls/own.key"},
                },
            },
            "ledger_api": {"address": "0.0.0.0", "port": 6011, "tls": TLS, "auth_services": [{"type": "wildcard"}]},
            "preview_commands": True,
            "extra_config": "canton.monitoring.logging.log-slow-futures = true",
            "render": ["hocon", "helm"],
        },
        {
            "crypto.provider": "kms",
            "crypto.kms.type": "aws",
            "crypto.kms.region": "eu-central-1",
            "crypto.kms.multi-region-key": True,
            "crypto.kms.audit-logging": True,
            "crypto.kms.retries.failures.initial-delay": "500 ms",
            "crypto.kms.retries.failures.max-retries": 5,
            "crypto.kms.retries.create-key-check.max-retries": 20,
            "crypto.kms.session-signing-keys": None,
            "crypto.session-signing-keys.enabled": True,
            "crypto.session-signing-keys.key-validity-duration": "5 minutes",
            "crypto.signing.algorithms.default": "ec-dsa-sha-256",
            "crypto.signing.keys.default": "ec-secp-256k-1",
            "crypto.encryption.algorithms.default": "rsa-oaep-sha-256",
            "crypto.encryption.keys.default": "rsa-2048",
            "init.identity.type": "manual",
            "init.generate-topology-transactions-and-keys": False,
            "storage.config.properties.serverName": "db.example.com",
            "storage.config.properties.sslmode": "verify-full",
            "storage.config.properties.password": None,
            "admin-api.port": 6012,
            "admin-api.tls.client-auth.type": "require",
            "admin-api.tls.client-auth.admin-client.private-key-file": "/tls/own.key",
            "admin-api.tls.admin-client": None,
            "ledger-api.tls.cert-chain-file": "/tls/api.crt",
            "ledger-api.tls.client-auth": None,
        },
    ),
    "aws-3-4": (
        {
            "kms": {**AWS, "endpoint_override": "https://kms.example.com:8443"},
            "release": "3.4",
            "session_signing_keys": SESSION,
            "init": "auto",
            "identifier": "bank",
            "render": ["hocon", "helm"],
        },
        {
            "crypto.kms.endpoint-override": "https://kms.example.com:8443",
            "crypto.kms.session-signing-keys.enabled": True,
            "crypto.session-signing-keys": None,
            "init.identity.type": "auto",
            "init.identity.identifier.type": "explicit",
            "init.identity.identifier.name": "bank",
            "init.generate-topology-transactions-and-keys": None,
        },
    ),
    "aws-2-10": (
        {
            "kms": AWS,
            "release": "2.10",
            "init": "auto",
            "schemes": {"signing": "ec_p384", "encryption": "rsa_2048"},
            "grpc_health": {"address": "127.0.0.1", "port": 6013},
        },
        {
            "crypto.provider": "kms",
            "crypto.signing.default": "ec-dsa-p-384",
            "crypto.signing.keys": None,
            "crypto.encryption.default": "rsa-2048-oaep-sha-256",
            "init.identity.node-identifier.name": "participant",
            "init.auto-init": None,
            "monitoring.grpc-health-server.port": 6013,
        },
    ),
    "aws-2-10-manual": (
        {"kms": AWS, "release": "2.10", "manage_identity": False},
        {"init.auto-init": False, "init.identity": None},
    ),
    "gcp-3-5": (
        {"kms": {**GCP, "audit_logging": True}, "schemes": {"signing": "ec_curve25519"}, "render": ["hocon", "helm"]},
        {
            "crypto.kms.type": "gcp",
            "crypto.kms.location-id": "europe-west3",
            "crypto.kms.project-id": "my-project",
            "crypto.kms.key-ring-id": "canton",
            "crypto.kms.audit-logging": True,
            "crypto.signing.algorithms.default": "ed-25519",
            "crypto.signing.keys.default": "ec-curve-25519",
        },
    ),
    "driver-3-5": (
        {
            "kms": {**DRIVER, "health_check_period": "30 s"},
            "key_ids": dict.fromkeys(["namespace", "sequencer_authentication", "protocol", "encryption"], "hsm-key"),
            "schemes": {"signing": "ec_curve25519", "encryption": "ec_p256"},
        },
        {
            "crypto.kms.type": "driver",
            "crypto.kms.name": "my-hsm",
            "crypto.kms.health-check-period": "30 s",
            "crypto.kms.config.slot_Id": 3,
            "crypto.kms.config.library": "/usr/lib/hsm.so",
            "crypto.encryption.algorithms.default": "ecies-hkdf-hmac-sha-256-aes-128-cbc",
        },
    ),
    "envelope": (
        {
            "kms": AWS,
            "mode": "envelope",
            "wrapper_key_id": "alias/wrapper",
            "envelope_reverted": True,
            "init": "auto",
            "storage": {"password_env": "HOME"},
        },
        {
            "crypto.provider": None,
            "crypto.kms.region": "eu-central-1",
            "crypto.private-key-store.encryption.type": "kms",
            "crypto.private-key-store.encryption.wrapper-key-id": "alias/wrapper",
            "crypto.private-key-store.encryption.reverted": True,
            "storage.config.properties.password": os.environ.get("HOME"),
        },
    ),
}
# What is refused, and words of the remedy
REFUSED: dict[str, tuple[Options, list[str]]] = {
    "foreign": (
        {"kms": {**AWS, "key_ring_id": "canton"}, "session_signing_keys": SESSION, "release": "2.10"},
        ["key_ring_id is no option of type aws", "Canton 2 does not support them", "initialises Canton 3 only"],
    ),
    "lacking": ({"kms": {"type": "gcp", "project_id": "p"}}, ["needs key_ring_id, location_id"]),
    "schemes-2": (
        {
            "kms": AWS,
            "release": "2.10",
            "init": "auto",
            "schemes": {"signing": "ec_secp256k1", "encryption": "ec_p256"},
        },
        ["ec_secp256k1: Canton 2 does not support it; use ec_p256", "can decrypt ECIES; use rsa_2048"],
    ),
    "ed25519": ({"kms": AWS, "schemes": {"signing": "ec_curve25519"}}, ["cannot sign with Ed25519 keys of this KMS"]),
    "ssl": ({"kms": {**AWS, "disable_ssl_verification": True}}, ["kms_participant_non_standard_config"]),
    "memory": ({"kms": AWS, "storage": {"type": "memory"}}, ["loses its identity at every restart"]),
    "passwords": (
        {"kms": AWS, "storage": {}, "environment": {"AWS_SECRET_ACCESS_KEY": "x"}},
        ["either password or password_env", "contains AWS_SECRET_ACCESS_KEY"],
    ),
    "envelope": (
        {"kms": AWS, "mode": "envelope", "session_signing_keys": SESSION, "render": ["helm"]},
        ["mode external only", "creates its own keys", "set the file for the Helm values", "crypto.provider to kms"],
    ),
    "log": ({"kms": AWS, "kms_log": {"file_name": "/var/log/kms.log"}}, ["no effect without"]),
    "service": (
        {"kms": DRIVER, "manage_service": True, "archive": "canton.zip", "name": "1st"},
        ["behind a driver", "only .tar.gz", "64 hex digits", "on its class path", "begin with a letter"],
    ),
    "archive": (
        {"kms": AWS, "archive": "/nowhere/canton.tar.gz", "archive_sha256": "0" * 64},
        ["is missing", "on the controller"],
    ),
    "helm": ({"kms": DRIVER, "manage_identity": False, "render": ["helm"], "helm_path": "/x"}, ["changes names"]),
    "specs": ({"kms": {"type": "azure"}}, ["value of type must be one of: aws, gcp, driver"]),
}


def test_each_variable_is_documented_with_its_default() -> None:
    role = Path(__file__).parents[2] / "roles" / "kms_participant"
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    options = specs["main"]["options"] | specs["keys"]["options"]
    assert set(defaults) | {"kms_participant_kms"} == set(options)
    for name, option in options.items():
        # one that is made of others, or a mapping that is shown in the text, has none in the specification
        if "default" in option:
            assert option["default"] == defaults[name], name


@pytest.fixture(scope="module")
def many(ansible: Ansible, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """One run of the role for all of these cases, each a host of its own."""
    folder = tmp_path_factory.mktemp("many")
    base = {"manage_user": False, "manage_service": False, "wait": False, "storage": {"password": PASSWORD}}
    hosts = {}
    for kind, cases in (("write", RENDERED), ("refuse", REFUSED)):
        for name, (options, _expected) in cases.items():
            own: Options = {"config_folder": str(folder / name), **base}
            if kind == "write":
                own["helm_path"] = str(folder / f"{name}.yml")
            hosts[f"{kind}-{name}"] = variables({**own, **options})
    inventory = folder / "hosts.yml"
    settings = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": settings}}), encoding="utf-8")
    play = folder / "play.yml"
    role = {"name": "Run", "ansible.builtin.import_role": {"name": "ledgerops.canton.kms_participant"}}
    play.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [role]}]), encoding="utf-8")
    return ansible.playbook(
        ["-i", str(inventory), "--forks", "10", "--diff", "-vvvv", str(play)], succeeds=False
    ), folder


@pytest.mark.parametrize("name", RENDERED)
def test_the_configuration_is_what_was_asked_for(many: tuple[Run, Path], name: str) -> None:
    _run, folder = many
    file = folder / name / "participant.conf"
    node = ConfigFactory.parse_file(str(file))["canton.participants.participant"]
    for path, expected in RENDERED[name][1].items():
        assert node.get(path, None) == expected, path
    assert PASSWORD not in file.read_text(encoding="utf-8")


def test_secrets_are_apart_and_nobody_else_reads_them(many: tuple[Run, Path]) -> None:
    run, folder = many
    file = folder / "aws-3-5" / "participant.secrets.conf"
    found = ConfigFactory.parse_file(str(file))
    assert found["canton.participants.participant.storage.config.properties.password"] == PASSWORD
    assert file.stat().st_mode & 0o777 == 0o600
    assert not (folder / "envelope" / "participant.secrets.conf").exists()
    assert WORD not in run.output and WORD not in str(run.results)


def test_switches_and_extra_lines_are_written(many: tuple[Run, Path]) -> None:
    _run, folder = many
    found = ConfigFactory.parse_file(str(folder / "aws-3-5" / "participant.conf"))
    assert found["canton.features.enable-preview-commands"] is True
    assert found["canton.monitoring.logging.log-slow-futures"] is True
    other = ConfigFactory.parse_file(str(folder / "gcp-3-5" / "participant.conf"))
    assert other.get("canton.features", None) is None


def test_helm_values_have_the_names_of_the_chart(many: tuple[Run, Path]) -> None:
    _run, folder = many
    found = {name: yaml.safe_load((folder / f"{name}.yml").read_text()) for name in ("aws-3-5", "aws-3-4", "gcp-3-5")}
    assert found["aws-3-5"]["kms"] == {
        "type": "aws",
        "region": "eu-central-1",
        "multiRegionKey": True,
        "auditLogging": True,
        # the chart writes values as they stand, and HOCON takes no blanks at this place and no slashes unquoted
        "retries": {
            "failures": {"initialDelay": '"500 ms"', "maxDelay": '"10 s"', "maxRetries": 5},
            "createKeyCheck": {"maxRetries": 20},
        },
    }
    (entry,) = found["aws-3-5"]["additionalEnvVars"]
    crypto = ConfigFactory.parse_string(entry["value"])["canton.participants.participant.crypto"]
    assert entry["name"].startswith("ADDITIONAL_CONFIG")
    assert crypto["session-signing-keys.enabled"] is True
    assert crypto["signing.keys.default"] == "ec-secp-256k-1"
    assert found["aws-3-4"]["kms"]["endpointOverride"] == '"https://kms.example.com:8443"'
    assert found["aws-3-4"]["kms"]["sessionSigningKeys"]["enabled"] is True
    assert "additionalEnvVars" not in found["aws-3-4"]
    assert found["gcp-3-5"]["kms"] == {
        "type": "gcp",
        "locationId": "europe-west3",
        "projectId": "my-project",
        "keyRingId": "canton",
        "auditLogging": True,
    }


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused_at_once_with_the_remedy(many: tuple[Run, Path], name: str) -> None:
    run, folder = many
    (failure,) = [e["result"] for e in run.entries if e["host"] == f"refuse-{name}" and e["outcome"] == "failed"]
    message = failure["msg"] + str(failure.get("argument_errors", ""))
    for words in REFUSED[name][1]:
        assert words in message
    assert not (folder / name / "participant.conf").exists() or name in RENDERED


def test_keys_of_gcp_are_made_in_the_ring_of_the_node(ansible: Ansible) -> None:
    options = {
        "kms": {**GCP, "location_id": "global"},
        "name": "bank",
        "manage_service": False,
        "storage": {"password": "x"},
    }
    with served() as (_service, url):
        more = {"key_options": {"endpoint_url": url, "create_key_ring": True}}
        keys = {"name": "ledgerops.canton.kms_participant", "tasks_from": "keys"}
        role: Task = {"name": "Keys", "ansible.builtin.include_role": keys, "vars": variables({**options, **more})}
        show: Task = {"name": "Show", "ansible.builtin.debug": {"msg": "{{ __kms_participant_made_keys }}"}}
        made = ansible.tasks([role, show]).result("Show")["msg"]
    assert made == {
        "namespace": "canton-bank-namespace",
        "sequencer_authentication": "canton-bank-sequencer_authentication",
        "protocol": "canton-bank-protocol",
        "encryption": "canton-bank-encryption",
    }
