#!/usr/bin/env python3
"""Reads a Vapi through the official Python SDK and holds every document against the SDK's own models.

    python check_sdk.py http://127.0.0.1:8080 any-key

The SDK itself accepts anything: it builds its models without validation. So this checks what it would not:
required fields and types (pydantic, strict), fields that no model declares, and values that no enum lists.
What live payloads are known to have beyond the published schema is allowed, and only that.
Exit status: 0 if all is well, 1 if a document is not, or if a broken one passed.
"""
import copy
import datetime as dt
import functools
import sys
import typing

import httpx
import pydantic
import typing_extensions
from vapi import Vapi
from vapi.core.api_error import ApiError
from vapi.types import Assistant, Call

PAGE = 100

# The SDK builds a validator anew for every object, which takes nine tenths of the time; the same one will do.
build_validator, validators = pydantic.TypeAdapter, {}


def validator(type_, **options):
    if type_ not in validators:
        validators[type_] = build_validator(type_, **options)
    return validators[type_]


pydantic.TypeAdapter = validator

# Seen in live payloads, declared nowhere.
UNDECLARED = {
    "$.transcript", "$.recordingUrl", "$.stereoRecordingUrl", "$.summary", "$.phoneCallProviderDetails",
    "$.forwardedPhoneNumber", "$.webCallUrl", "$.artifact.variables", "$.assistant.server.secret",
    "$.phoneNumber.twilioAuthToken", "$.costBreakdown.knowledgeBaseCost", "$.costBreakdown.voicemailDetectionCost",
}
# A reason that was added after the SDK was published.
UNLISTED = {"call.in-progress.error-configfault-voice-region-unsupported"}


def problems(model, document):
    """Everything about a document that its model does not provide for, as "path: what"."""
    found = []
    try:
        model.model_validate(document, strict=True)
    except pydantic.ValidationError as error:
        # The SDK's base class makes Python objects first, so strict mode refuses every date that is a text.
        found = [
            f"{path_of(e['loc'])}: {e['type']}"
            for e in error.errors()
            if not (e["type"] == "datetime_type" and is_instant(e["input"]))
        ]
    try:
        parsed = model.model_validate(document)
    except pydantic.ValidationError as error:
        return found or [str(error)]
    return found + [f"{path}: {what}" for path, what in undeclared(parsed, "$")]


def path_of(location):
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def is_instant(value):
    try:
        return isinstance(value, str) and dt.datetime.fromisoformat(value.replace("Z", "+00:00")).tzinfo is not None
    except ValueError:
        return False


def undeclared(value, path):
    """Fields and enum values that the models let through although they do not know them."""
    if isinstance(value, pydantic.BaseModel):
        for name in value.model_extra or {}:
            if f"{path}.{name}" not in UNDECLARED:
                yield f"{path}.{name}", f"not a field of {type(value).__name__}"
        for name, field in type(value).model_fields.items():
            inner = getattr(value, name)
            here = f"{path}.{field.alias or name}"
            listed = literals(field.annotation)
            for item in inner if isinstance(inner, list) else [inner]:
                if listed and isinstance(item, str) and item not in listed | UNLISTED:
                    yield here, f"{item!r} is not listed"
            yield from undeclared(inner, here)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from undeclared(item, f"{path}[{at}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from undeclared(item, f"{path}.{name}")


@functools.cache
def literals(annotation):
    """The values that an enum lists: the SDK writes enums as Union[Literal[...], Any]. Empty where any text will do."""
    origin = typing_extensions.get_origin(annotation)
    if origin in (typing.Literal, typing_extensions.Literal):
        return frozenset(typing_extensions.get_args(annotation))
    inner = typing_extensions.get_args(annotation)
    if origin is None or origin is dict or str in inner:
        return frozenset()
    return frozenset().union(*(literals(each) for each in inner))


class Source:
    """The SDK's client, and the JSON that it received before it made models of it."""

    def __init__(self, base_url, key):
        self.received = None
        self.sdk = Vapi(
            token=key,
            base_url=base_url,
            httpx_client=httpx.Client(timeout=60, event_hooks={"response": [self.keep]}),
        )

    def keep(self, response):
        response.read()
        self.received = response.json()

    def all(self, resource):
        """Every document, page by page: bounded by the oldest one seen, until a page has nothing new."""
        documents, bound = {}, {}
        while True:
            page = resource.list(limit=PAGE, **bound)
            assert len(page) == len(self.received), "the SDK and the wire disagree on the length of a page"
            fresh = [row for row in self.received if row["id"] not in documents]
            if not fresh:
                return list(documents.values())
            documents.update((row["id"], row) for row in fresh)
            oldest = min(row.created_at for row in page)
            assert isinstance(oldest, dt.datetime), "the SDK could not read a date"
            bound = {"created_at_le": oldest}

    def single(self, resource, document):
        got = resource.get(document["id"])
        assert got.id == document["id"], "asked for one document and got another"
        return self.received


def report(kind, model, documents):
    bad = 0
    for document in documents:
        for problem in problems(model, document):
            bad += 1
            if bad <= 40:
                print(f"FAIL {kind} {document.get('id')} {problem}")
    print(f"{kind}: {len(documents)} documents, {bad} problems")
    return bad


def control(call):
    """Breaks a good call in known ways. A break that nobody notices means that this check checks nothing."""
    breaks = {
        "orgId missing": lambda c: c.pop("orgId"),
        "createdAt is no date": lambda c: c.update(createdAt="yesterday"),
        "cost is a text": lambda c: c.update(cost="0.15"),
        "status unknown": lambda c: c.update(status="exploded"),
        "endedReason unknown": lambda c: c.update(endedReason="for-no-reason"),
        "a cost of an unknown type": lambda c: c["costs"].append({"type": "magic", "cost": 1}),
        "a message without a time": lambda c: c["artifact"]["messages"][1].pop("time"),
        "a field too many": lambda c: c.update(surprise=1),
        "a field too many, deep inside": lambda c: c["artifact"]["performanceMetrics"].update(surprise=1),
        "analysis is a text": lambda c: c.update(analysis="good"),
    }
    missed = 0
    for name, break_it in breaks.items():
        broken = copy.deepcopy(call)
        break_it(broken)
        if not problems(Call, broken):
            missed += 1
            print(f"FAIL control: {name}, and nothing was found")
    print(f"control: {len(breaks)} broken calls, {missed} not noticed")
    return missed


def main(base_url, key):
    source = Source(base_url, key)
    sdk = source.sdk
    calls, assistants = source.all(sdk.calls), source.all(sdk.assistants)
    talks = [call for call in calls if len((call.get("artifact") or {}).get("messages") or []) > 4]
    sample = calls[:: max(1, len(calls) // 40)] + talks[:10]
    singles = [source.single(sdk.calls, call) for call in sample]
    single_assistants = [source.single(sdk.assistants, assistant) for assistant in assistants]

    bad = report("calls listed", Call, calls)
    bad += report("calls got", Call, singles)
    bad += report("assistants listed", Assistant, assistants)
    bad += report("assistants got", Assistant, single_assistants)
    bad += sum(not documents for documents in (talks, assistants, singles))
    good = next(call for call in talks if not problems(Call, call))
    bad += control(good)

    try:
        sdk.calls.get("00000000-0000-4000-8000-000000000000")
        bad += 1
        print("FAIL an unknown id was found")
    except ApiError as error:
        if error.status_code != 404:
            bad += 1
            print(f"FAIL an unknown id got {error.status_code}")
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} BASE_URL KEY")
    sys.exit(main(*sys.argv[1:]))
