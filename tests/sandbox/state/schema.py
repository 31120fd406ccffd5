# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All tables. Times are microseconds since 1970."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS network (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS participants (
  name TEXT PRIMARY KEY, uid TEXT NOT NULL DEFAULT '', config TEXT NOT NULL,
  admin_port INTEGER NOT NULL DEFAULT 0, ledger_port INTEGER NOT NULL DEFAULT 0,
  initialized INTEGER NOT NULL DEFAULT 0, seeded INTEGER NOT NULL DEFAULT 0,
  pid INTEGER NOT NULL DEFAULT 0, phase TEXT NOT NULL DEFAULT 'stopped'
);
CREATE TABLE IF NOT EXISTS synchronizers (
  name TEXT PRIMARY KEY, psid TEXT NOT NULL UNIQUE, sequencer TEXT NOT NULL, url TEXT NOT NULL UNIQUE,
  protocol_version INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS knobs (node TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (node, key));
CREATE TABLE IF NOT EXISTS connections (
  position INTEGER PRIMARY KEY, node TEXT NOT NULL, alias TEXT NOT NULL, config BLOB NOT NULL,
  psid TEXT NOT NULL DEFAULT '', connected INTEGER NOT NULL DEFAULT 0, seen INTEGER,
  subscribed INTEGER NOT NULL DEFAULT 0,
  UNIQUE (node, alias)
);
CREATE TABLE IF NOT EXISTS common_crypto_public_keys (
  position INTEGER PRIMARY KEY, node TEXT NOT NULL, key_id TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL,
  UNIQUE (node, key_id)
);
CREATE TABLE IF NOT EXISTS common_crypto_private_keys (
  node TEXT, key_id TEXT, data BLOB NOT NULL, PRIMARY KEY (node, key_id)
);
CREATE TABLE IF NOT EXISTS common_kms_metadata_store (
  node TEXT, fingerprint TEXT, kms_key_id TEXT NOT NULL, PRIMARY KEY (node, fingerprint)
);
CREATE TABLE IF NOT EXISTS topology (
  id INTEGER PRIMARY KEY, store TEXT NOT NULL, code INTEGER NOT NULL, op INTEGER NOT NULL, serial INTEGER NOT NULL,
  key TEXT NOT NULL, namespace TEXT NOT NULL, subject TEXT NOT NULL, hash BLOB NOT NULL, proposal INTEGER NOT NULL,
  sequenced INTEGER NOT NULL, valid_from INTEGER NOT NULL, valid_until INTEGER, signers TEXT NOT NULL,
  signed BLOB NOT NULL, rejection TEXT
);
CREATE INDEX IF NOT EXISTS topology_key ON topology (store, key, valid_until);
CREATE INDEX IF NOT EXISTS topology_code ON topology (store, code, namespace, valid_until);
CREATE INDEX IF NOT EXISTS topology_hash ON topology (store, hash);
CREATE TABLE IF NOT EXISTS temporary_stores (node TEXT, name TEXT, PRIMARY KEY (node, name));
CREATE TABLE IF NOT EXISTS topology_v0 (
  id INTEGER PRIMARY KEY, store TEXT NOT NULL, kind TEXT NOT NULL, op INTEGER NOT NULL, element TEXT NOT NULL,
  mapping BLOB NOT NULL, version INTEGER NOT NULL, hash BLOB NOT NULL, signer TEXT NOT NULL, sequenced INTEGER NOT NULL,
  valid_from INTEGER NOT NULL, valid_until INTEGER, signed BLOB NOT NULL, rejection TEXT
);
CREATE INDEX IF NOT EXISTS topology_v0_mapping ON topology_v0 (store, mapping, valid_until);
CREATE INDEX IF NOT EXISTS topology_v0_kind ON topology_v0 (store, kind, valid_until);
CREATE INDEX IF NOT EXISTS topology_v0_hash ON topology_v0 (store, hash);
CREATE INDEX IF NOT EXISTS topology_v0_sequenced ON topology_v0 (store, sequenced);
CREATE TABLE IF NOT EXISTS onboarding (node TEXT, psid TEXT, party TEXT, PRIMARY KEY (node, psid, party));
CREATE TABLE IF NOT EXISTS ledger (
  participant TEXT PRIMARY KEY,
  ledger_end INTEGER NOT NULL,
  pruned_to INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contract (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  participant TEXT NOT NULL,
  contract_id BLOB NOT NULL,
  synchronizer_id TEXT NOT NULL,
  representative_package_id TEXT NOT NULL,
  blob BLOB NOT NULL,
  created_offset INTEGER NOT NULL,
  node_id INTEGER NOT NULL,
  workflow_id TEXT NOT NULL,
  ended_offset INTEGER,
  ended_by TEXT CHECK (ended_by IN ('archived', 'purged'))
);
CREATE INDEX IF NOT EXISTS contract_by_id ON contract (participant, contract_id);
CREATE INDEX IF NOT EXISTS contract_by_participant ON contract (participant);
CREATE TABLE IF NOT EXISTS missed_event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, participant TEXT NOT NULL, psid TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('created', 'archived', 'request', 'topology')),
  representative_package_id TEXT, blob BLOB, topology_id INTEGER, encrypted_for TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS missed_event_of ON missed_event (participant, psid);
CREATE TABLE IF NOT EXISTS topology_event (
  participant TEXT NOT NULL, ledger_offset INTEGER NOT NULL, psid TEXT NOT NULL, topology_id INTEGER NOT NULL,
  PRIMARY KEY (participant, ledger_offset)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS package (
  participant TEXT NOT NULL,
  package_id TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  size INTEGER NOT NULL,
  uploaded_at INTEGER NOT NULL,
  modules TEXT NOT NULL,
  utility INTEGER NOT NULL,
  language_version TEXT NOT NULL,
  PRIMARY KEY (participant, package_id)
);
CREATE TABLE IF NOT EXISTS dar (
  participant TEXT NOT NULL,
  main TEXT NOT NULL,
  description TEXT NOT NULL,
  payload BLOB NOT NULL,
  PRIMARY KEY (participant, main)
);
CREATE TABLE IF NOT EXISTS dar_package (
  participant TEXT NOT NULL,
  main TEXT NOT NULL,
  package_id TEXT NOT NULL,
  PRIMARY KEY (participant, main, package_id)
);
CREATE TABLE IF NOT EXISTS ledger_user (
  participant TEXT NOT NULL,
  id TEXT NOT NULL,
  primary_party TEXT NOT NULL DEFAULT '',
  is_deactivated INTEGER NOT NULL DEFAULT 0,
  primary_party_authentication INTEGER NOT NULL DEFAULT 0,
  identity_provider_id TEXT NOT NULL DEFAULT '',
  annotations TEXT NOT NULL DEFAULT '{}',
  resource_version INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (participant, id)
);
CREATE TABLE IF NOT EXISTS ledger_right (
  participant TEXT NOT NULL,
  user_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  party TEXT NOT NULL,
  PRIMARY KEY (participant, user_id, kind, party)
);
CREATE TABLE IF NOT EXISTS identity_provider (
  participant TEXT NOT NULL,
  identity_provider_id TEXT NOT NULL,
  is_deactivated INTEGER NOT NULL DEFAULT 0,
  issuer TEXT NOT NULL,
  jwks_url TEXT NOT NULL,
  audience TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (participant, identity_provider_id),
  UNIQUE (participant, issuer)
);
CREATE TABLE IF NOT EXISTS party_record (
  participant TEXT NOT NULL,
  party TEXT NOT NULL,
  identity_provider_id TEXT NOT NULL DEFAULT '',
  annotations TEXT NOT NULL DEFAULT '{}',
  resource_version INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (participant, party)
);
CREATE TABLE IF NOT EXISTS party_display_name (
  participant TEXT NOT NULL,
  party TEXT NOT NULL,
  display_name TEXT NOT NULL,
  PRIMARY KEY (participant, party)
);
"""
