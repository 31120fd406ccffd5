# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as a Canton node reports them: ids, categories, texts, details and redaction
(docs/canton/errors.md#form-of-an-error, docs/canton/errors.md#redacted-errors)."""

from __future__ import annotations

import uuid
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

_CODES = {
    1: grpc.StatusCode.UNAVAILABLE,
    2: grpc.StatusCode.ABORTED,
    3: grpc.StatusCode.DEADLINE_EXCEEDED,
    4: grpc.StatusCode.INTERNAL,
    5: grpc.StatusCode.INVALID_ARGUMENT,
    6: grpc.StatusCode.UNAUTHENTICATED,
    7: grpc.StatusCode.PERMISSION_DENIED,
    8: grpc.StatusCode.INVALID_ARGUMENT,
    9: grpc.StatusCode.FAILED_PRECONDITION,
    10: grpc.StatusCode.ALREADY_EXISTS,
    11: grpc.StatusCode.NOT_FOUND,
    12: grpc.StatusCode.OUT_OF_RANGE,
    14: grpc.StatusCode.UNIMPLEMENTED,
}

# 14 is redacted too: recorded for GetWrapperKeyId on a node without an encrypted store.
_REDACTED = {4, 5, 6, 7, 14}

_IDS = {
    1: "ABORTED_DUE_TO_SHUTDOWN NODE_IS_PASSIVE_REPLICA SERVICE_NOT_RUNNING SYNCHRONIZER_IS_NOT_AVAILABLE"
    " SYNC_SERVICE_BECAME_PASSIVE SYNC_SERVICE_PASSIVE_REPLICA",
    2: "ACCESS_TOKEN_EXPIRED CONCURRENT_PARTY_DETAILS_UPDATE_DETECTED CONCURRENT_USER_UPDATE_DETECTED"
    " REQUEST_ALREADY_IN_FLIGHT SERVER_OVERLOADED",
    3: "REQUEST_DEADLINE_EXCEEDED REQUEST_TIME_OUT",
    4: "PACKAGE_SERVICE_INTERNAL_ERROR REGISTER_KMS_KEY_INTERNAL_ERROR SERVICE_INTERNAL_ERROR"
    " SYNCHRONIZER_REGISTRY_INTERNAL_ERROR SYNC_SERVICE_INTERNAL_ERROR TOPOLOGY_MANAGER_INTERNAL_ERROR"
    " WRAPPER_KEY_ROTATION_INTERNAL_ERROR",
    5: "SYNC_SERVICE_ALARM TOPOLOGY_INVALID_TX_SIGNATURE TOPOLOGY_MANAGER_ALARM TOPOLOGY_UNAUTHORIZED_TRANSACTION",
    6: "UNAUTHENTICATED",
    7: "PERMISSION_DENIED",
    8: "DAR_PARSE_ERROR DAR_VALIDATION_ERROR IMPORT_ACS_ERROR INVALID_ACS_PAGE_TOKEN INVALID_ARGUMENT"
    " INVALID_ARGUMENT_PARTY_MANAGEMENT_ERROR INVALID_ARGUMENT_REPAIR INVALID_ARGUMENT_SYNC_SERVICE"
    " INVALID_CONTINUATION_TOKEN INVALID_DAR INVALID_DAR_FILE_NAME INVALID_FIELD"
    " INVALID_IDENTITY_PROVIDER_UPDATE_REQUEST INVALID_LEGACY_DAR INVALID_PARTY_DETAILS_UPDATE_REQUEST INVALID_TOKEN"
    " INVALID_USER_UPDATE_REQUEST INVALID_ZIP_ENTRY KNOWN_PACKAGE_VERSION MISSING_FIELD NEGATIVE_OFFSET"
    " NON_POSITIVE_OFFSET NOT_VALID_UPGRADE_PACKAGE PROTO_DESERIALIZATION_FAILURE SIGNING_KEY_GENERATION_ERROR"
    " TOPOLOGY_CANNOT_REMOVE_MAPPING TOPOLOGY_INCONSISTENT_SNAPSHOT TOPOLOGY_INVALID_MAPPING"
    " TOPOLOGY_INVALID_OWNER_TO_KEY_MAPPING TOPOLOGY_INVALID_REMOVAL_OF_OWNER_TO_KEY_MAPPING"
    " TOPOLOGY_INVALID_SYNCHRONIZER ZIP_BOMB",
    9: "CANNOT_ISSUE_SYNCHRONIZER_TRUST_CERTIFICATE CONTRACT_ASSIGNATION_CHANGE_ERROR CONTRACT_PURGE_ERROR"
    " CRYPTO_PRIVATE_STORE_ERROR CRYPTO_PUBLIC_STORE_ERROR EFFECTIVE_PARTY_TO_PARTICIPANT_MAPPING_NOT_FOUND"
    " FAILED_TO_CONNECT_TO_SEQUENCERS INITIAL_ONBOARDING_ERROR INVALID_STATE_PARTY_MANAGEMENT_ERROR"
    " INVALID_STATE_REPAIR_ERROR IO_STREAM_PARTY_MANAGEMENT_ERROR IO_STREAM_REPAIR_ERROR"
    " MAIN_PACKAGE_IN_DAR_DOES_NOT_MATCH_EXPECTED MAX_PARTY_DETAILS_ANNOTATIONS_SIZE_EXCEEDED"
    " MAX_USER_ANNOTATIONS_SIZE_EXCEEDED NOT_CONNECTED_TO_ANY_SYNCHRONIZER NOT_CONNECTED_TO_SYNCHRONIZER"
    " OFFSET_OUT_OF_RANGE PACKAGE_OR_DAR_REMOVAL_ERROR PACKAGE_SERVICE_CANNOT_AUTODETECT_SYNCHRONIZER"
    " PACKAGE_SERVICE_NOT_CONNECTED_TO_SYNCHRONIZER PARTICIPANT_DATA_ACCESSED_AFTER_LEDGER_END"
    " PARTICIPANT_IS_NOT_ACTIVE PARTICIPANT_PRUNED_DATA_ACCESSED PARTY_ACS_EXPORT_MISSING_TARGET_ONBOARDING_MAPPING"
    " PARTY_ACS_IMPORT_MISSING_ONBOARDING_MAPPING PARTY_ALLOCATION_CANNOT_DETERMINE_SYNCHRONIZER"
    " PARTY_ALLOCATION_WITHOUT_CONNECTED_SYNCHRONIZER PARTY_ONBOARDING_CLEARANCE_MISSING_MAPPING PREVIEW_FEATURE"
    " SYNCHRONIZER_ALIAS_DUPLICATION SYNCHRONIZER_HANDSHAKE_FAILED SYNCHRONIZER_ID_MISMATCH SYNC_SERVICE_SYNCHRONIZERS_MUST_BE_OFFLINE"
    " TOO_MANY_IDENTITY_PROVIDER_CONFIGS TOO_MANY_USER_RIGHTS TOPOLOGY_DANGEROUS_COMMAND_REQUIRES_FORCE_ALIEN_MEMBER"
    " TOPOLOGY_DEPENDENCIES_NOT_VETTED TOPOLOGY_DISABLE_PARTY_WITH_ACTIVE_CONTRACTS"
    " TOPOLOGY_ILLEGAL_REMOVAL_OF_ACTIVE_TRANSACTIONS TOPOLOGY_INSUFFICIENT_KEYS"
    " TOPOLOGY_INSUFFICIENT_PERMISSION_FOR_SIGNATORY_PARTY TOPOLOGY_INSUFFICIENT_SIGNATORY_ASSIGNING_PARTICIPANTS"
    " TOPOLOGY_INVALID_QUERY_TIME TOPOLOGY_MULTI_TRANSACTION_HASH_MISMATCH"
    " TOPOLOGY_NO_CORRESPONDING_ACTIVE_TX_TO_REVOKE TOPOLOGY_PARTICIPANT_ONBOARDING_REFUSED"
    " TOPOLOGY_REMOVE_MUST_NOT_CHANGE_MAPPING TOPOLOGY_SECRET_KEY_NOT_IN_STORE TOPOLOGY_SERIAL_MISMATCH"
    " TOPOLOGY_STORE_NOT_INITIALIZED TOPOLOGY_TOO_MANY_TRANSACTION_WITH_HASH TOPOLOGY_VALUE_OUT_OF_BOUNDS"
    " UNPROCESSED_REQUESTED_TIMESTAMP",
    10: "IDP_CONFIG_ALREADY_EXISTS IDP_CONFIG_ISSUER_ALREADY_EXISTS SYNCHRONIZER_REGISTRATION"
    " TOPOLOGY_CONFIRMING_THRESHOLD_CANNOT_BE_REACHED TOPOLOGY_MAPPING_ALREADY_EXISTS"
    " TOPOLOGY_NAMESPACE_ALREADY_IN_USE TOPOLOGY_NAMESPACE_HAS_BEEN_REVOKED"
    " TOPOLOGY_PARTICIPANT_ID_CONFLICT_WITH_PARTY TOPOLOGY_PARTY_ID_CONFLICT_WITH_ADMIN_PARTY"
    " TOPOLOGY_SIGNING_THRESHOLD_CANNOT_BE_REACHED TOPOLOGY_TEMPORARY_STORE_ALREADY_EXISTS USER_ALREADY_EXISTS",
    11: "CONTRACT_EVENTS_NOT_FOUND CONTRACT_PAYLOAD_NOT_FOUND DAR_NOT_FOUND EXACT_RECORD_TIME_MATCH_NOT_FOUND"
    " IDP_CONFIG_BY_ISSUER_NOT_FOUND IDP_CONFIG_NOT_FOUND INVALID_KMS_KEY_ID PACKAGE_CONTENT_NOT_FOUND"
    " PACKAGE_NAMES_NOT_FOUND PACKAGE_NOT_FOUND PARTY_NOT_FOUND SYNC_SERVICE_ALIAS_RESOLUTION"
    " SYNC_SERVICE_PHYSICAL_ID_REGISTRATION SYNC_SERVICE_UNKNOWN_SYNCHRONIZER TEMPLATES_OR_INTERFACES_NOT_FOUND"
    " TOPOLOGY_CANNOT_VET_DUE_TO_MISSING_PACKAGES TOPOLOGY_CONVERSION_ERROR TOPOLOGY_MISSING_MAPPING"
    " TOPOLOGY_NO_APPROPRIATE_SIGNING_KEY_IN_STORE TOPOLOGY_STORE_NOT_FOUND TOPOLOGY_TRANSACTION_NOT_FOUND"
    " TOPOLOGY_UNKNOWN_MEMBERS UNKNOWN_RESOURCE UNRESOLVED_VETTING_REFERENCE USER_NOT_FOUND"
    " WRAPPER_KEY_ALREADY_IN_USE_ERROR WRAPPER_KEY_DISABLED_OR_DELETED_ERROR WRAPPER_KEY_NOT_EXIST_ERROR",
    12: "INVALID_TIMESTAMP_PARTY_MANAGEMENT_ERROR OFFSET_AFTER_LEDGER_END",
    14: "NO_ENCRYPTED_PRIVATE_KEY_STORE_ERROR",
}
# Canton 2 has no prefix before the ids of its topology errors (docs/canton/canton-2.md#error-ids).
_IDS_OF_CANTON_2 = {
    1: "DOMAIN_IS_NOT_AVAILABLE INCONSISTENT_ACS_SNAPSHOT",
    2: "INVALID_ACS_SNAPSHOT_TIMESTAMP",
    3: "PACKAGE_TOPOLOGY_STATE_UPDATE_TIMEOUT",
    4: "CONTRACT_SERIALIZATION_ERROR DOMAIN_REGISTRY_INTERNAL_ERROR",
    5: "INVALID_TOPOLOGY_TX_SIGNATURE_ERROR UNAUTHORIZED_TOPOLOGY_TRANSACTION",
    8: "KNOWN_DAR_VERSION NON_HEXADECIMAL_OFFSET",
    9: "MAIN_DAR_PACKAGE_REFERENCED_EXTERNALLY PARTY_ALLOCATION_WITHOUT_CONNECTED_DOMAIN UNAVAILABLE_ACS_SNAPSHOT"
    " CANNOT_ISSUE_DOMAIN_TRUST_CERTIFICATE DANGEROUS_KEY_USE_COMMAND_REQUIRES_FORCE"
    " DANGEROUS_VETTING_COMMANDS_REQUIRE_FORCE DISABLE_PARTY_WITH_ACTIVE_CONTRACTS_REQUIRES_FORCE"
    " DOMAIN_ALIAS_DUPLICATION DOMAIN_HANDSHAKE_FAILED DOMAIN_ID_MISMATCH NO_CORRESPONDING_ACTIVE_TX_TO_REVOKE"
    " PUBLIC_KEY_NOT_IN_STORE REMOVING_KEY_DANGLING_TRANSACTIONS_MUST_BE_FORCED REMOVING_LAST_KEY_MUST_BE_FORCED"
    " SECRET_KEY_NOT_IN_STORE SERVICE_AGREEMENT_ACCEPTANCE_FAILED UNINITIALIZED_PARTICIPANT",
    10: "DUPLICATE_TOPOLOGY_TRANSACTION SYNC_SERVICE_ALREADY_ADDED",
    11: "CANNOT_VET_DUE_TO_MISSING_PACKAGES LEDGER_ID_MISMATCH NO_APPROPRIATE_SIGNING_KEY_IN_STORE SYNC_SERVICE_UNKNOWN_DOMAIN"
    " TOPOLOGY_CONVERSION_ERROR",
}
CATEGORY = {
    error_id: number for table in (_IDS, _IDS_OF_CANTON_2) for number, ids in table.items() for error_id in ids.split()
}


class CantonError(Exception):
    """An error with a Canton error id.

    ``metadata`` goes into ErrorInfo beside what the node adds itself. ``resource`` is (type, name), ``retry`` seconds;
    ``correlation`` is the request id to show when it is not the trace id. The last three matter on the ledger API only.
    """

    def __init__(
        self,
        error_id: str,
        cause: str,
        metadata: dict[str, str] | None = None,
        resource: tuple[str, str] | None = None,
        retry: int | None = None,
        correlation: str | None = None,
    ) -> None:
        super().__init__(f"{error_id}: {cause}")
        self.error_id = error_id
        self.category = CATEGORY[error_id]
        self.cause = cause
        self.metadata = metadata or {}
        self.resource = resource
        self.retry = retry
        self.correlation = correlation

    @property
    def code(self) -> grpc.StatusCode:
        return _CODES[self.category]


class BareError(Exception):
    """A failure that carries nothing but a gRPC code and a text, as some of Canton's do (docs/canton/errors.md#errors-without-details)."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def proto_failure(reason: str) -> CantonError:
    """A request that parses as protobuf but not as Canton's own type; the reason stands in the metadata only."""
    text = "Deserialization of protobuf message failed"
    return CantonError("PROTO_DESERIALIZATION_FAILURE", text, {"reason": reason})


def field_not_set(field: str) -> CantonError:
    """A required field is missing."""
    return proto_failure(f"FieldNotSet({field})")


def _pack(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _redacted(code: grpc.StatusCode, request: str | None, trace: str | None) -> status_pb2.Status:
    text = (
        "An error occurred. Please contact the operator and inquire about the request"
        f" {request or '<no-correlation-id>'} with tid {trace or '<no-tid>'}"
    )
    status = status_pb2.Status(code=code.value[0], message=text)
    if request:
        status.details.append(_pack(error_details_pb2.RequestInfo(request_id=request)))
    return status


def _admin_status(error: CantonError, participant: str) -> status_pb2.Status:
    text = f"{error.error_id}({error.category},0): {error.cause}"
    metadata = {**error.metadata, "participant": participant, "category": str(error.category)}
    info = error_details_pb2.ErrorInfo(reason=error.error_id, metadata=metadata)
    return status_pb2.Status(code=error.code.value[0], message=text, details=[_pack(info)])


def _ledger_status(error: CantonError, participant: str, trace: str) -> status_pb2.Status:
    request = error.correlation or trace
    metadata = {
        **error.metadata,
        "participant": f"'{participant}'",
        "tid": trace,
        "category": str(error.category),
        "definite_answer": "false",
    }
    details: list[Any] = [error_details_pb2.ErrorInfo(reason=error.error_id, metadata=metadata)]
    if error.retry is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=error.retry)))
    details.append(error_details_pb2.RequestInfo(request_id=request))
    if error.resource:
        kind, name = error.resource
        details.append(error_details_pb2.ResourceInfo(resource_type=kind, resource_name=name))
    text = f"{error.error_id}({error.category},{request[:8]}): {error.cause}"
    return status_pb2.Status(code=error.code.value[0], message=text, details=[_pack(detail) for detail in details])


def to_status(error: CantonError, participant: str, api: str) -> status_pb2.Status:
    """The ``google.rpc.Status`` a client of this API ("admin" or "ledger") gets.

    The admin API knows no trace ids, the ledger API always has one (docs/canton/errors.md#trace-ids).
    """
    trace = uuid.uuid4().hex if api == "ledger" else None
    if error.category in _REDACTED:
        return _redacted(error.code, trace and (error.correlation or trace), trace)
    if trace:
        return _ledger_status(error, participant, trace)
    return _admin_status(error, participant)


def abort(context: grpc.ServicerContext, error: Exception, participant: str, api: str) -> NoReturn:
    """End the call with this error; raises, as gRPC's own abort does."""
    if isinstance(error, CantonError):
        context.abort_with_status(rpc_status.to_status(to_status(error, participant, api)))
    if isinstance(error, BareError):
        context.abort(error.code, error.text)
    unexpected = CantonError("SERVICE_INTERNAL_ERROR", str(error))
    context.abort_with_status(rpc_status.to_status(to_status(unexpected, participant, api)))
    raise AssertionError("abort returned")
