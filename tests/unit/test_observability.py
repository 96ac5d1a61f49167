"""Dashboard, alerts and page speak of metrics that there are, in a language that is PromQL."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import dashboard
import metrics_table
import pytest
import yaml
from prometheus_client import REGISTRY

from support.promql import asked_of

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "observability"
PAGE = (FOLDER.parents[1] / "docs" / "observability.md").read_text()
FOREIGN = {"instance", "le"}  # Prometheus' own labels


def alerts() -> list[dict[str, Any]]:
    rules = yaml.safe_load((FOLDER / "prometheus" / "alerts.yml").read_text())
    found: list[dict[str, Any]] = rules["groups"][0]["rules"]
    return found


def queries() -> list[str]:
    return [*dashboard.queries(), *(one["expr"] for one in alerts())]


@pytest.fixture(scope="module")
def samples() -> dict[str, set[str]]:
    """Every name that the services tell → its labels."""
    assert metrics_table.METRICS  # importing it has made all metrics
    names: dict[str, set[str]] = {}
    for family in REGISTRY.collect():
        names |= {one.name: set(one.labels) for one in family.samples}
    for one in metrics_table.METRICS:
        names |= {name: set(one.labels) for name in one.samples}
    return names


def test_the_dashboard_is_the_one_that_is_written_by_code() -> None:
    assert dashboard.TARGET.read_text() == dashboard.text(), "run make docs"


def test_the_table_of_metrics_is_the_one_in_the_code() -> None:
    assert metrics_table.TARGET.read_text() == metrics_table.page(), "run make docs"


@pytest.mark.parametrize("query", queries())
def test_every_query_asks_for_metrics_and_labels_that_are_there(
    samples: dict[str, set[str]], query: str
) -> None:
    everywhere = set[str]()
    for name, labels in asked_of(query):
        if name:
            assert name in samples, name
            everywhere |= samples[name]
            assert labels <= samples[name] | FOREIGN, f"{name} has no {labels}"
        else:
            assert labels <= everywhere | FOREIGN, f"nothing here has {labels}"


def test_every_metric_of_ours_is_on_the_dashboard_or_in_an_alert() -> None:
    asked = {name for query in queries() for name, _ in asked_of(query)}
    unseen = [one.name for one in metrics_table.METRICS if not asked.intersection(one.samples)]
    assert unseen == []


def test_panels_do_not_cover_each_other_and_ask_the_chosen_source() -> None:
    panels = json.loads(dashboard.TARGET.read_text())["panels"]
    cells = set[tuple[int, int]]()
    for panel in panels:
        place = panel["gridPos"]
        own = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not own & cells, panel["title"]
        assert max(x for x, _ in own) < dashboard.WIDTH
        cells |= own
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(
        target["datasource"]["uid"] == "${datasource}"
        for panel in panels
        for target in panel.get("targets", ())
    )


def test_every_alert_says_what_is_wrong_and_the_page_what_to_do() -> None:
    for alert in alerts():
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert alert["annotations"]["summary"]
        assert f"`{alert['alert']}`" in PAGE
    named = set(re.findall(r"`(Wavemill\w+)`", PAGE))
    assert named == {one["alert"] for one in alerts()}


@pytest.mark.parametrize(
    "what", [("check", "config", "prometheus.yml"), ("test", "rules", "alerts.test.yml")]
)
def test_prometheus_own_tool_agrees(what: tuple[str, str, str]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here (Debian: the package prometheus)")
    *command, name = what
    done = subprocess.run(
        [promtool, *command, str(FOLDER / "prometheus" / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
