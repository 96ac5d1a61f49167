"""The description of the interface: of every route that there is, and of no other."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from wavemill_common.errors import AppError, ConversionError
from wavemill_common.settings import Settings
from wavemill_gateway.app import create_app
from wavemill_gateway.openapi.declare import described
from wavemill_gateway.openapi.declared import ENDPOINTS, PAGES, TAGS
from wavemill_gateway.openapi.document import build
from wavemill_gateway.openapi.failures import EVERYWHERE, MEANINGS, job_failures
from wavemill_gateway.openapi.page import render
from wavemill_gateway.openapi.routes import STYLE
from wavemill_gateway.openapi.words import LIMITS, MEMBERS, SHAPES

DECLARED = {(one.method, one.path) for one in ENDPOINTS}


@cache
def document() -> dict[str, Any]:
    return build()


def routed(folder: Path) -> set[tuple[str, str]]:
    """What the app answers, but for the pages that people see."""
    app = create_app(Settings(data_dir=folder))
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical not in PAGES
    }


def test_every_route_is_declared(tmp_path: Path) -> None:
    undeclared = routed(tmp_path) - DECLARED
    twins = {("HEAD", path) for method, path in DECLARED if method == "GET"}
    assert undeclared - twins == set(), "declare it in wavemill_gateway/openapi/declared"


def test_every_declared_route_is_there(tmp_path: Path) -> None:
    assert routed(tmp_path) >= DECLARED


def test_nothing_is_declared_twice() -> None:
    assert len(DECLARED) == len(ENDPOINTS)
    assert len({one.name for one in ENDPOINTS}) == len(ENDPOINTS)


@pytest.mark.parametrize("one", ENDPOINTS, ids=lambda one: one.name)
def test_a_path_names_its_own_parameters(one: Any) -> None:
    named = {parameter.name for parameter in one.parameters if parameter.where == "path"}
    assert named == set(re.findall(r"{(\w+)}", one.path))
    assert one.tag in TAGS


def test_every_code_that_may_come_has_a_meaning() -> None:
    codes = {described(one)[1] for endpoint in ENDPOINTS for one in endpoint.failures}
    assert codes | {described(one)[1] for one in EVERYWHERE} <= set(MEANINGS)


def test_what_a_service_keeps_to_itself_is_no_failure_that_an_owner_meets() -> None:
    class Inner(ConversionError):
        code = "inner"

    codes = {code for _, code in job_failures()}
    assert Inner.code not in codes
    assert "ffmpeg_crashed" in codes


def test_every_meaning_is_of_a_code_that_there_is() -> None:
    found, classes = {"cancelled", "method_not_allowed"}, [AppError]
    while classes:
        one = classes.pop()
        found.add(one.code)
        classes += one.__subclasses__()
    assert set(MEANINGS) <= found


@pytest.mark.parametrize("words", [MEMBERS, LIMITS], ids=["members", "limits"])
def test_words_are_about_members_that_there_are(words: dict[str, dict[str, Any]]) -> None:
    schemas = document()["components"]["schemas"]
    for name, members in words.items():
        assert set(members) <= set(schemas[name]["properties"])
    assert set(SHAPES) <= set(schemas)


def test_every_member_that_may_be_sent_is_explained() -> None:
    schemas = document()["components"]["schemas"]
    for name in ("ConvertBody", "ConvertOptions", "Wanted", "OpenRequest", "Loudness"):
        for member, schema in schemas[name]["properties"].items():
            assert schema.get("description"), f"{name}.{member}"


def test_no_word_of_python_is_in_it() -> None:
    assert not re.search(
        r"\bNone\b|\bStruct\b|inputS3|claimId", json.dumps(document()["components"])
    )


def test_every_link_leads_somewhere() -> None:
    page = render(document())
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))
    assert len(targets) > len(ENDPOINTS)


def test_the_page_keeps_to_its_content_security_policy() -> None:
    page = render(document())
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", page)
    assert not re.search(r"url\(|@import", STYLE.read_text())


def test_the_page_is_small() -> None:
    assert len(render(document()).encode()) + STYLE.stat().st_size < 150_000


def test_the_document_for_people_names_every_code() -> None:
    written = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    unwritten = {one for one in MEANINGS if f"`{one}`" not in written}
    assert unwritten - {"conversion_failed"} == set()  # the root of all failures of jobs: none is
