"""Write the Grafana dashboard: python tools/dashboard.py."""

import json
from pathlib import Path
from typing import Any, NamedTuple

TARGET = Path(__file__).resolve().parents[1] / "deploy/observability/grafana/wavemill.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24  # of Grafana's grid
STAT, CHART = (4, 4), (8, 8)  # width and height there


class Panel(NamedTuple):
    """One picture: a title, its queries with their legends, the unit of its values."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    what: str = ""


def rate(metric: str, by: str = "") -> str:
    """So many a second, over what Grafana finds fit for the width of the picture."""
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}[$__rate_interval]))"


def quantile(share: float, metric: str, by: str = "", only: str = "") -> str:
    """What so many stay below."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket{only}', labels)})"


FAILED = 'wavemill_jobs_ended_total{outcome="failed"}'
NOW = (
    Panel("Jobs a minute", ((f"60 * {rate('wavemill_jobs_ended_total')}", ""),)),
    Panel(
        "Failed",
        (
            (
                f"{rate(FAILED)} / {rate('wavemill_jobs_ended_total')}",
                "",
            ),
        ),
        "percentunit",
        "Of the jobs that ended; most failures are those of files that are no audio.",
    ),
    Panel("Waiting", (("sum(max by (lane) (wavemill_queue_waiting_jobs))", ""),)),
    Panel("Longest wait", (("max(wavemill_queue_oldest_waiting_seconds)", ""),), "s"),
    Panel("Converters", (('max(wavemill_converters{able="yes"})', ""),)),
    Panel("Audio per second", ((rate("wavemill_converted_audio_seconds_total"), ""),), "s"),
)
ROWS = {
    "Queue": (
        Panel("Waiting, by lane", (("max by (lane) (wavemill_queue_waiting_jobs)", "{{lane}}"),)),
        Panel(
            "Longest wait, by lane",
            (("max by (lane) (wavemill_queue_oldest_waiting_seconds)", "{{lane}}"),),
            "s",
        ),
        Panel(
            "In hands, late, given up",
            (
                ("sum(max by (lane) (wavemill_queue_pending_jobs))", "in hands"),
                ("sum(max by (lane) (wavemill_queue_lag_jobs))", "not delivered"),
                ("max(wavemill_queue_delayed_jobs)", "to be tried again"),
                ("max(wavemill_queue_dead_letters)", "given up"),
            ),
        ),
    ),
    "Jobs": (
        Panel("Ends", ((rate("wavemill_jobs_ended_total", "outcome"), "{{outcome}}"),), "ops"),
        Panel(
            "Accepted, by format",
            ((rate("wavemill_jobs_accepted_total", "format"), "{{format}}"),),
            "ops",
        ),
        Panel(
            "Failures, by code",
            ((rate(FAILED, "code"), "{{code}}"),),
            "ops",
        ),
        Panel(
            "Waiting for a converter",
            (
                (quantile(0.5, "wavemill_job_queued_seconds"), "half"),
                (quantile(0.95, "wavemill_job_queued_seconds", "lane"), "95 % of {{lane}}"),
            ),
            "s",
        ),
        Panel(
            "Converting, 95 %, by format",
            ((quantile(0.95, "wavemill_job_converting_seconds", "format"), "{{format}}"),),
            "s",
        ),
        Panel(
            "From acceptance to end",
            (
                (quantile(0.5, "wavemill_job_duration_seconds", "outcome"), "half {{outcome}}"),
                (quantile(0.95, "wavemill_job_duration_seconds", "outcome"), "95 % {{outcome}}"),
            ),
            "s",
        ),
    ),
    "Converters": (
        Panel("Slots", (("max by (state) (wavemill_converters_slots)", "{{state}}"),)),
        Panel(
            "Where attempts spend their time",
            ((rate("wavemill_job_stage_seconds_sum", "stage"), "{{stage}}"),),
            "short",
            "Slots busy with each stage.",
        ),
        Panel(
            "Slots by converter",
            (("wavemill_converter_slots_used / wavemill_converter_slots", "{{instance}}"),),
            "percentunit",
        ),
        Panel(
            "Attempts, but the completed",
            ((rate('wavemill_job_attempts_total{outcome!="completed"}', "outcome, code"),
              "{{outcome}} {{code}}"),),
            "ops",
        ),
        Panel(
            "Ends of ffmpeg, but the good",
            ((rate('wavemill_ffmpeg_exits_total{result!="ok"}', "purpose, result"),
              "{{purpose}} {{result}}"),),
            "ops",
        ),
        Panel(
            "Fallbacks to files, entries taken over",
            (
                (rate("wavemill_streaming_fallbacks_total", "code"), "{{code}}"),
                (rate("wavemill_queue_entries_reclaimed_total"), "taken over"),
            ),
            "ops",
        ),
    ),
    "Gateways": (
        Panel(
            "Requests",
            ((rate("wavemill_http_requests_total", "status"), "{{status}}"),),
            "reqps",
        ),
        Panel(
            "95 % of the answers, by route",
            (
                (
                    quantile(
                        0.95,
                        "wavemill_http_request_duration_seconds",
                        "route",
                        '{route!="/api/events"}',
                    ),
                    "{{route}}",
                ),
            ),
            "s",
        ),
        Panel(
            "Bodies received",
            ((rate("wavemill_http_request_body_bytes_total", "route"), "{{route}}"),),
            "Bps",
        ),
        Panel(
            "Connections and streams",
            (
                ("sum(wavemill_http_connections)", "connections"),
                ("sum(wavemill_sse_connections)", "event streams"),
                (rate("wavemill_http_connections_refused_total"), "refused a second"),
            ),
        ),
        Panel(
            "Memory, by service",
            ((("process_resident_memory_bytes * on (instance) group_left (service)"
              " max by (instance, service) (wavemill_build_info)"),
              "{{service}} {{instance}}"),),
            "bytes",
        ),
        Panel(
            "CPU, by service",
            ((("rate(process_cpu_seconds_total[$__rate_interval]) * on (instance)"
              " group_left (service) max by (instance, service) (wavemill_build_info)"),
              "{{service}} {{instance}}"),),
            "percentunit",
            "Without ffmpeg, which is a process of its own.",
        ),
    ),
    "Janitors": (
        Panel(
            "Since the last success",
            ((("time() - max by (sweep)"
              " (wavemill_janitor_sweep_last_success_timestamp_seconds)"), "{{sweep}}"),),
            "s",
        ),
        Panel(
            "What sweeps do",
            ((rate("wavemill_janitor_sweep_items_total", "sweep"), "{{sweep}}"),
             (rate("wavemill_janitor_sweep_failures_total", "sweep"), "{{sweep}} failed")),
            "ops",
        ),
        Panel(
            "How long sweeps take; webhooks",
            (
                (
                    (f"{rate('wavemill_janitor_sweep_duration_seconds_sum', 'sweep')}"
                    f" / {rate('wavemill_janitor_sweep_duration_seconds_count', 'sweep')}"),
                    "{{sweep}}",
                ),
                (rate("wavemill_webhook_calls_total", "result"), "webhooks {{result}} a second"),
            ),
            "s",
        ),
    ),
}  # fmt: skip


def dashboard() -> dict[str, Any]:
    """All of it, as Grafana imports it."""
    panels = _line("stat", NOW, STAT, top=0)
    top = STAT[1]
    for title, row in ROWS.items():
        panels.append(_place({"type": "row", "title": title, "collapsed": False}, 0, top, WIDTH, 1))
        panels += _line("timeseries", row, CHART, top + 1)
        top = panels[-1]["gridPos"]["y"] + CHART[1]
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    return {
        "uid": "wavemill",
        "title": "wavemill",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "tags": ["wavemill"],
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [{"name": "datasource", "label": "Source", "type": "datasource",
                      "query": "prometheus"}]
        },
        "panels": panels,
    }  # fmt: skip


def queries() -> list[str]:
    """All queries, as they stand in the dashboard."""
    found = (*NOW, *(panel for row in ROWS.values() for panel in row))
    return [query for panel in found for query, _ in panel.queries]


def text() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=2) + "\n"


def _line(
    kind: str, panels: tuple[Panel, ...], size: tuple[int, int], top: int
) -> list[dict[str, Any]]:
    width, height = size
    across = WIDTH // width
    return [
        _place(
            _drawn(kind, panel), number % across * width, top + number // across * height,
            width, height,
        )
        for number, panel in enumerate(panels)
    ]  # fmt: skip


def _drawn(kind: str, panel: Panel) -> dict[str, Any]:
    return {
        "type": kind,
        "title": panel.title,
        "description": panel.what,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}}
        if kind == "timeseries"
        else {"colorMode": "none", "reduceOptions": {"calcs": ["lastNotNull"]}},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": query,
             "legendFormat": legend}
            for number, (query, legend) in enumerate(panel.queries)
        ],
    }  # fmt: skip


def _place(panel: dict[str, Any], left: int, top: int, width: int, height: int) -> dict[str, Any]:
    return panel | {"gridPos": {"x": left, "y": top, "w": width, "h": height}}


if __name__ == "__main__":
    TARGET.write_text(text())
