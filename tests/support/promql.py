"""PromQL: what a query asks for, as Prometheus' own grammar reads it."""

import re
from collections.abc import Iterator

import promql_parser
from promql_parser import AggregateExpr, Expr, VectorSelector

_VARIABLES = re.compile(r"\$__rate_interval|\$\{?\w+\}?")


def parse(query: str) -> Expr:
    """Read a query of a rule or, with Grafana's variables, of a dashboard; raises if it is none."""
    return promql_parser.parse(_VARIABLES.sub("5m", query))


def asked_of(query: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics of a query, each with the labels that are matched or grouped by."""
    expression = parse(query)
    groups: set[str] = set()
    found: list[tuple[str, set[str]]] = []

    def visit(node: Expr) -> None:
        if isinstance(node, AggregateExpr) and node.modifier is not None:
            groups.update(node.modifier.labels)
        if isinstance(node, VectorSelector) and node.name:
            found.append((node.name, {one.name for one in node.matchers.matchers}))

    promql_parser.walk(expression, visit)
    yield from found
    yield "", groups
