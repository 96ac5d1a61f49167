"""moto's server with a meter: python -m bench.costs.counting PORT.

Every request is counted by who sent it (the access key that it is signed with names the service),
by service and operation, with the units that AWS would bill. What a write does to the indexes is
told by the item before and after it. GET `COUNTS` tells all counts so far.
"""

import io
import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from bench.costs import units
from bench.costs.tally import Tally, Use
from support.kept import REGION
from support.moto_server import one_by_one, with_dates
from support.s3 import mend_moto

COUNTS = "/bench/counts"
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
Place = tuple[str, dict[str, Any]]  # table, key
_SIGNER = re.compile(r"Credential=([^/]+)/")
_WRITES = ("Put", "Update", "Delete", "ConditionCheck")


class Meter:
    """Counts what goes through it to moto's application."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._tally = Tally()
        self._lock = threading.Lock()
        self._tables: dict[str, Any] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serve a request, and count it."""
        if environ["PATH_INFO"] == COUNTS:
            start_response("200 OK", [("Content-Type", "application/json")])
            with self._lock:
                return [self._tally.to_json()]
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if target.startswith("DynamoDB"):
            return self._dynamo(environ, start_response, target.partition(".")[2])
        return self._s3(environ, start_response)

    def _s3(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        copies = "HTTP_X_AMZ_COPY_SOURCE" in environ
        name = units.s3_operation(environ["REQUEST_METHOD"], query, copies=copies)
        received = int(environ.get("HTTP_X_AMZ_DECODED_CONTENT_LENGTH") or _length(environ))
        reply = b"".join(self._app(environ, start_response))
        sent = len(reply) if name == "GetObject" else 0
        use = Use(requests=1, bytes_in=received, bytes_out=sent)
        self._add(environ, f"s3.{units.s3_class(name)}", name, use)
        return [reply]

    def _dynamo(self, environ: dict[str, Any], start_response: Any, name: str) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(_length(environ))
        environ["wsgi.input"] = io.BytesIO(body)
        asked = json.loads(body)
        places = list(self._written(name, asked))
        before = [_item(*place) for place in places]
        reply = b"".join(self._app(environ, start_response))
        if name == "CreateTable":
            self._tables[asked["TableName"]] = asked
        use = Use(requests=1)
        for place, old in zip(places, before, strict=True):
            use += self._write_use(place, old, _item(*place))
        if name.startswith("Transact"):
            use = use.times_units(units.TRANSACTION)
        self._add(environ, "dynamodb", name, use + _read_use(name, asked, json.loads(reply)))
        return [reply]

    def _written(self, name: str, asked: Mapping[str, Any]) -> Iterator[Place]:
        """Where a request writes."""
        parts = [asked] if name in {"PutItem", "UpdateItem", "DeleteItem"} else []
        for one in asked.get("TransactItems", ()):
            parts += [one[kind] for kind in _WRITES if kind in one]
        for part in parts:
            table = part["TableName"]
            names = [one["AttributeName"] for one in self._tables[table]["KeySchema"]]
            item = part.get("Key") or part["Item"]
            yield table, {key: item[key] for key in names}

    def _write_use(self, place: Place, old: Any, new: Any) -> Use:
        indexes = units.indexes_of(self._tables[place[0]])
        return Use(
            write_units=units.write_units(old, new),
            index_units=sum(units.index_units(index, old, new) for index in indexes),
        )

    def _add(self, environ: dict[str, Any], service: str, name: str, use: Use) -> None:
        signed = environ.get("HTTP_AUTHORIZATION", "")
        found = _SIGNER.search(signed)
        with self._lock:
            self._tally.add((found[1] if found else "anyone", service, name), use)


def _read_use(name: str, asked: Mapping[str, Any], reply: Mapping[str, Any]) -> Use:
    consistent = bool(asked.get("ConsistentRead"))
    if name == "GetItem":
        sizes = [units.item_size(reply.get("Item", {}))]
        return Use(read_units=units.read_units(sizes, consistent=consistent))
    if name in {"Query", "Scan"}:
        sizes = [units.item_size(item) for item in reply.get("Items", ())]
        return Use(read_units=units.read_units(sizes, consistent=consistent))
    if name != "BatchGetItem":
        return Use()
    total = 0.0
    for table, request in asked["RequestItems"].items():
        found = [units.item_size(item) for item in reply.get("Responses", {}).get(table, ())]
        found += [0] * (len(request["Keys"]) - len(found))
        strong = bool(request.get("ConsistentRead"))
        total += sum(units.read_units([size], consistent=strong) for size in found)
    return Use(read_units=total)


def _item(table: str, key: dict[str, Any]) -> dict[str, Any] | None:
    """What moto stores under a key."""
    found = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_item(table, key)
    return None if found is None else dict(found.to_json()["Attributes"])


def _length(environ: Mapping[str, Any]) -> int:
    return int(environ.get("CONTENT_LENGTH") or 0)


def main() -> None:
    """Serve until killed."""
    mend_moto()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = with_dates(one_by_one(Meter(DomainDispatcherApplication(create_backend_app))))
    make_server(
        "127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=MotoRequestHandler
    ).serve_forever()


if __name__ == "__main__":
    main()
