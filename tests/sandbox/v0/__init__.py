# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canton 2 in the sandbox: what its lines do otherwise than those of Canton 3 (docs/canton/canton-2.md#calls-of-a-dialect)."""
