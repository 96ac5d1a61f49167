"""The document: what is declared, as OpenAPI 3.1."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from wavemill_gateway.openapi.declare import (
    PROBLEM,
    REF,
    Answer,
    Endpoint,
    Parameter,
    Shape,
    described,
)
from wavemill_gateway.openapi.declared import ENDPOINTS, TAGS
from wavemill_gateway.openapi.failures import MEANINGS, failures_of
from wavemill_gateway.openapi.shapes import Problem
from wavemill_gateway.openapi.words import LIMITS, MEMBERS, SHAPES
from wavemill_gateway.problems import PHRASES

INTRODUCTION = """\
Upload a file, convert it, follow the job, download the result: or do it all with one
`POST /api/convert`. Bodies are JSON in UTF-8, camelCase.

Ids are 192 random bits: whoever holds one may use what it names. Where the operator asks for API
keys, each call needs `Authorization: Bearer KEY`.

Every error is a problem (RFC 9457) with a stable `code` for programs and, for people, an `error`
that says what failed and what would work."""
SECURITY = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, where the operator asks for one.",
    },
    "token": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "In the URLs that are answered: so that EventSource and links work.",
    },
}


def build(endpoints: Iterable[Endpoint] = ENDPOINTS) -> dict[str, Any]:
    """Make the whole document."""
    known = tuple(endpoints)
    schemas = _Schemas(known)
    paths: dict[str, dict[str, Any]] = {}
    for one in known:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "wavemill",
            "version": "1",
            "description": INTRODUCTION,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": what} for name, what in TAGS.items()],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": SECURITY},
    }


class _Schemas:
    """Every shape's schema: those of types by reference, the others as they are."""

    def __init__(self, endpoints: tuple[Endpoint, ...]) -> None:
        shapes = [one.shape for endpoint in endpoints for one in endpoint.bodies]
        shapes += [one.shape for endpoint in endpoints for one in endpoint.answers]
        types = [Problem, *(one for one in shapes if not _is_schema(one))]
        found, components = msgspec.json.schema_components(types, ref_template=REF)
        self._found = list(zip(types, found, strict=True))
        self.components = {
            name: _worded(name, schema) for name, schema in sorted(components.items())
        }

    def of(self, shape: Shape) -> Any:
        """The schema of one shape."""
        if _is_schema(shape):
            return shape
        return next(schema for one, schema in self._found if one == shape)


def _is_schema(shape: Shape) -> bool:
    return shape is None or isinstance(shape, Mapping)


def _worded(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Say what a schema and its members mean, in the words of the interface."""
    words, limits = MEMBERS.get(name, {}), LIMITS.get(name, {})
    first = str(schema.get("description", "")).split("\n\n", maxsplit=1)[0]
    worded = schema | {"description": SHAPES.get(name, " ".join(first.split()))}
    if "properties" in schema:
        worded["properties"] = {
            member: _limited(one, limits.get(member, {}))
            | ({"description": words[member]} if member in words else {})
            for member, one in schema["properties"].items()
        }
    return worded


def _limited(schema: dict[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    """Narrow a schema; of one that may be null, the part that is not."""
    if limits and "anyOf" in schema:
        first, *others = schema["anyOf"]
        return {**schema, "anyOf": [{**first, **limits}, *others]}
    return {**schema, **limits}


def _operation(one: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": one.name,
        "tags": [one.tag],
        "summary": one.summary,
        "security": _security(one),
        "responses": _joined(_answers(one, schemas), _failures(one, schemas)),
    }
    if one.details:
        found["description"] = one.details
    if one.parameters:
        found["parameters"] = [_parameter(parameter) for parameter in one.parameters]
    if one.bodies:
        content = {body.content_type: {"schema": schemas.of(body.shape)} for body in one.bodies}
        found["requestBody"] = {"required": True, "content": content}
    if one.example:
        found["x-example"] = one.example
    return found


def _security(one: Endpoint) -> list[dict[str, list[str]]]:
    """No key at all, or the key, or the token: which of them the operator decides."""
    schemes = [*(["key"] if one.keyed else []), *(["token"] if one.signed else [])]
    nobody: dict[str, list[str]] = {}
    return [nobody, *({scheme: list[str]()} for scheme in schemes)] if schemes else []


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": one.where,
        "description": one.what,
        "required": one.required,
        "schema": one.schema,
    }


def _answers(one: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    return {str(answer.status): _answer(answer, schemas) for answer in one.answers}


def _answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {"description": answer.what}
    if answer.shape is not None:
        found["content"] = {answer.content_type: {"schema": schemas.of(answer.shape)}}
    if answer.headers:
        found["headers"] = {
            name: {"description": what, "schema": {"type": "string"}}
            for name, what in answer.headers.items()
        }
    return found


def _joined(answers: dict[str, Any], failures: dict[str, Any]) -> dict[str, Any]:
    """All responses; a status that is both an answer and a failure has the bodies of both."""
    both = {
        status: {
            **answers[status],
            "description": f"{answers[status]['description']} {failures[status]['description']}",
            "content": {**answers[status].get("content", {}), **failures[status]["content"]},
        }
        for status in answers.keys() & failures.keys()
    }
    return {**answers, **failures, **both}


def _failures(one: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    """Each status with its codes."""
    codes: dict[int, set[str]] = {}
    for status, code in map(described, failures_of(one)):
        codes.setdefault(status, set()).add(code)
    return {
        str(status): _problem(status, sorted(codes[status]), schemas) for status in sorted(codes)
    }


def _problem(status: int, codes: list[str], schemas: _Schemas) -> dict[str, Any]:
    narrowed = {"properties": {"status": {"const": status}, "code": {"enum": codes}}}
    return {
        "description": f"{PHRASES[status]}: "
        + "; ".join(f"`{code}` ({MEANINGS[code]})" for code in codes),
        "content": {PROBLEM: {"schema": {"allOf": [schemas.of(Problem), narrowed]}}},
    }
