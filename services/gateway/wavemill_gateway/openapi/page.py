"""The page at /docs: the document for people. Made once, without a script. Pure."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from wavemill_gateway.openapi.declare import PROBLEM
from wavemill_gateway.openapi.failures import MEANINGS
from wavemill_gateway.openapi.markup import code, paragraphs, prose, table
from wavemill_gateway.openapi.readable import kind, members, parameters

Document = Mapping[str, Any]
_HEAD = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>wavemill: the HTTP interface</title>
  <link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/docs/style.css">
</head>
<body>
"""
_USE = """URL=http://127.0.0.1:8080     # where this server is
curl -F file=@talk.wav -F format=mp3 $URL/api/convert -o talk.mp3"""


def render(document: Document) -> str:
    """Write the page."""
    tags = document["tags"]
    sections = "".join(_section(document, one["name"], one["description"]) for one in tags)
    return (
        f"{_HEAD}<nav>{_contents(document)}</nav>\n<main>"
        f"<h1>{escape(document['info']['title'])}: the HTTP interface</h1>"
        f"{paragraphs(document['info']['description'])}<pre>{escape(_USE)}</pre>"
        '<p>For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>'
        f"{sections}{_errors()}{_objects(document)}</main>\n</body>\n</html>\n"
    )


def _operations(document: Document, tag: str) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            if tag in one["tags"]:
                yield method.upper(), path, one


def _contents(document: Document) -> str:
    groups = []
    for tag in document["tags"]:
        links = "".join(
            f'<li><a href="#{one["operationId"]}">{_method(method)} {escape(path)}</a></li>'
            for method, path, one in _operations(document, tag["name"])
        )
        groups.append(f"<h2>{escape(tag['name'])}</h2><ul>{links}</ul>")
    more = '<ul><li><a href="#errors">Errors</a></li><li><a href="#objects">Objects</a></li></ul>'
    return f'<p class="brand"><a href="/">wavemill</a></p>{"".join(groups)}<h2>Also</h2>{more}'


def _method(method: str) -> str:
    return f'<span class="method {method.lower()}">{method}</span>'


def _section(document: Document, name: str, what: str) -> str:
    articles = "".join(
        _article(document, method, path, one) for method, path, one in _operations(document, name)
    )
    return f"<section><h2>{escape(name)}</h2><p>{prose(what)}</p>{articles}</section>"


def _article(document: Document, method: str, path: str, one: Document) -> str:
    example = f"<pre>{escape(one['x-example'])}</pre>" if "x-example" in one else ""
    return (
        f'<article id="{one["operationId"]}"><h3>{_method(method)} {code(path)}</h3>'
        f'<p class="summary">{prose(one["summary"])}</p>{paragraphs(one.get("description", ""))}'
        f"{example}{parameters(one.get('parameters', []))}{_bodies(document, one)}"
        f"{_answers(one)}</article>"
    )


def _bodies(document: Document, one: Document) -> str:
    found = one.get("requestBody", {}).get("content", {})
    return "".join(
        f"<h4>Body: {code(content_type)}</h4>{_body(document, body['schema'])}"
        for content_type, body in found.items()
    )


def _body(document: Document, schema: Document) -> str:
    """The members of what may be sent, also of an object that has a name."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return members(document["components"]["schemas"][name])
    return members(schema) or f"<p>{kind(schema)}</p>"


def _answers(one: Document) -> str:
    good, bad = [], []
    for status, answer in one["responses"].items():
        for content_type, body in (answer.get("content") or {"": {}}).items():
            if content_type == PROBLEM:
                bad += [(escape(status), code(each)) for each in _codes(body["schema"])]
            else:
                shown = f"{kind(body['schema'])} {_type(content_type)}" if body else ""
                good.append((escape(status), shown, prose(answer["description"])))
    errors = table("", ("status", "code"), _by_status(bad))
    return (
        table("Answers", ("status", "body", "meaning"), good)
        + f"<details><summary>Errors</summary>{errors}</details>"
    )


def _type(content_type: str) -> str:
    return "" if content_type in {"application/json", "*/*"} else code(content_type)


def _codes(schema: Document) -> list[str]:
    return list(schema["allOf"][1]["properties"]["code"]["enum"])


def _by_status(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    statuses: dict[str, list[str]] = {}
    for status, one in found:
        statuses.setdefault(status, []).append(one)
    return [(status, " ".join(codes)) for status, codes in statuses.items()]


def _errors() -> str:
    rows = [(code(one), prose(what)) for one, what in sorted(MEANINGS.items())]
    return f'<section id="errors"><h2>Errors</h2>{table("", ("code", "when"), rows)}</section>'


def _objects(document: Document) -> str:
    shown = "".join(
        f'<article id="{escape(name)}"><h3>{escape(name)}</h3>'
        f"<p>{prose(schema['description'])}</p>"
        f"{members(schema) or f'<p>{kind(schema)}</p>'}</article>"
        for name, schema in document["components"]["schemas"].items()
    )
    return f'<section id="objects"><h2>Objects</h2>{shown}</section>'
