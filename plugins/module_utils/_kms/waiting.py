# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for a KMS, which may take seconds for what it has accepted."""

from __future__ import annotations
