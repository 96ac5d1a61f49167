"""Jobs as items of the table of jobs, and guards as condition expressions."""

import math
from typing import Any

from wavemill_common.jobs import Change, Guard, Job
from wavemill_common.records.codec import decode_job, encode
from wavemill_common.records.dynamo_calls import Item
from wavemill_common.records.dynamo_tables import DUE, EXPIRES, OUTPUT_BYTES, TTL, number

KEY = "jobId"
RECORD = "record"
_FIELDS = {"attempt": "attempt", "claim_id": "claimId", "due_at": "dueAt"}  # of guards


def item_of(job: Job) -> Item:
    """Write a job: `record` is the truth, the attributes beside it are to query and to look at.

    A value that is None is no attribute, so that the indexes hold only what belongs there. Only a
    tombstone has a `ttl`: nothing but wavemill may delete a record that still names files.
    """
    texts = {
        KEY: job.job_id,
        "status": job.status.value,
        "inputS3Location": job.input_key,
        "outputS3Location": job.output_key,
        "format": job.format,
        "quality": job.quality,
        "claimId": job.claim_id,
        "owner": job.owner or None,
        RECORD: encode(job).decode(),
    }
    item: Item = {name: {"S": text} for name, text in texts.items() if text is not None}
    item |= {
        "createdAt": number(job.created_at),
        "updatedAt": number(job.updated_at),
        "attempt": number(job.attempt),
    }
    item |= EXPIRES.entry(job.job_id, job.expires_at)
    if job.due_at is not None:
        item |= DUE.entry(job.job_id, job.due_at)
    if job.outputs:
        item[OUTPUT_BYTES] = number(sum(output.size for output in job.outputs))
    if job.tombstone:
        item[TTL] = number(math.ceil(job.expires_at))
    return item


def job_of(item: Item) -> Job:
    """Read a job.

    Raises:
        JobStoreUnavailable: it isn't one that this version can read.
    """
    return decode_job(item[RECORD]["S"].encode())


def is_gone(item: Item, now: float) -> bool:
    """Whether DynamoDB may delete the item at any time: then it counts as deleted."""
    return TTL in item and float(item[TTL]["N"]) <= now


def vacant(now: float) -> Item:
    """The condition that a new job may be stored: nothing is there that counts."""
    return {
        "ConditionExpression": "attribute_not_exists(#jobId) OR #ttl <= :now",
        "ExpressionAttributeNames": {"#jobId": KEY, "#ttl": TTL},
        "ExpressionAttributeValues": {":now": number(now)},
    }


def guarded(change: Change, now: float) -> Item | None:
    """The condition that one of the guards holds; None where none can."""
    terms = Terms()
    guards = [_guard(terms, guard) for guard in change.guards if guard.statuses]
    if not guards:
        return None
    # AND binds tighter than OR; DynamoDB refuses parentheses that say nothing.
    return terms.condition(f"({' OR '.join(guards)}) AND {_alive(terms, now)}")


def unchanged(job: Job) -> Item:
    """The condition that a job still has this status and attempt."""
    terms = Terms()
    seen = Guard(statuses=frozenset({job.status}), attempt=job.attempt)
    return terms.condition(_guard(terms, seen))


class Terms:
    """Collects the names and values of one expression; DynamoDB refuses any that isn't used."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def name(self, attribute: str) -> str:
        """A placeholder for an attribute: many plain names are reserved words."""
        self._names[f"#{attribute}"] = attribute
        return f"#{attribute}"

    def value(self, value: Any, kind: str = "S") -> str:
        """A placeholder for a value."""
        mark = f":v{len(self._values)}"
        self._values[mark] = {kind: value}
        return mark

    def condition(self, expression: str) -> Item:
        """The parameters of a request with this condition."""
        return {
            "ConditionExpression": expression,
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
        }


def _guard(terms: Terms, guard: Guard) -> str:
    status = terms.name("status")
    statuses = ", ".join(terms.value(one.value) for one in sorted(guard.statuses))
    parts = [f"{status} IN ({statuses})"]
    for field, attribute in _FIELDS.items():
        value = getattr(guard, field)
        if value is not None:
            kind, text = ("S", value) if isinstance(value, str) else ("N", repr(value))
            parts.append(f"{terms.name(attribute)} = {terms.value(text, kind)}")
    return " AND ".join(parts)


def _alive(terms: Terms, now: float) -> str:
    ttl = terms.name(TTL)
    return f"(attribute_not_exists({ttl}) OR {ttl} > {terms.value(repr(now), 'N')})"
