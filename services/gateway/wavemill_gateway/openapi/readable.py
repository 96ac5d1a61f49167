"""Readable: a schema in a few words, and its members as a table. Pure."""

from collections.abc import Mapping
from html import escape
from typing import Any

from wavemill_gateway.openapi.markup import code, prose, table

Schema = Mapping[str, Any]
_LIMITS = {"minimum": "≥ {}", "maximum": "≤ {}", "maxItems": "at most {}", "pattern": "{}"}


def kind(schema: Schema) -> str:
    """What a value is: text, a number, a link to another object…; as markup."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " ".join(code(str(one)) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    if schema.get("format") == "binary":
        return "bytes"
    return escape(str(schema.get("type", "anything"))) + _limits(schema)


def _limits(schema: Schema) -> str:
    found = [words.format(schema[name]) for name, words in _LIMITS.items() if name in schema]
    return f" <small>{escape(', '.join(found))}</small>" if found else ""


def members(schema: Schema) -> str:
    """The members of an object, as a table."""
    required = set(schema.get("required", ()))
    rows = [
        (_name(name, required=name in required), kind(one), _meaning(one))
        for name, one in schema.get("properties", {}).items()
    ]
    return table("", ("member", "type", "meaning"), rows)


def parameters(found: list[Schema]) -> str:
    """The parameters of an operation, as a table."""
    rows = [
        (
            _name(one["name"], required=one["required"]),
            escape(one["in"]),
            kind(one["schema"]),
            prose(one["description"]),
        )
        for one in found
    ]
    return table("Parameters", ("name", "in", "type", "meaning"), rows)


def _name(name: str, *, required: bool) -> str:
    return code(name) + (' <small class="must">required</small>' if required else "")


def _meaning(schema: Schema) -> str:
    said = prose(str(schema.get("description", "")))
    default = schema.get("default")
    if default is None or default == {}:
        return said
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return f"{said} <small>Default {code(shown)}</small>"
