"""Parameters: what may be written into the members of a conversion's body, and into a query."""

from typing import Any

WILD: tuple[Any, ...] = (
    *(-1, 0, 1.5, 1e308, 2**63, 10**400, True, None, "", "x" * 5000, "-f null -i /etc/passwd"),
    *("\0", "NaN", "\u0661", [], [[]], {}, {"": ""}, {"x": {"y": "z"}}, [None] * 600),
)
OPTIONS = (
    *("sampleRate", "channels", "bitDepth", "trimStart", "trimEnd", "fadeIn", "fadeOut"),
    *("loudness", "metadata", "stripMetadata", "cover", "chapters", "split", "filter"),
)
MEMBERS = (
    *("format", "quality", "options", "outputs", "preview", "webhookUrl", "deleteAfterDownload"),
    *("fileId", "__proto__"),
)
URLS = (
    *("http://127.0.0.1:6379/", "http://169.254.169.254/latest/", "file:///etc/passwd", "ftp://x/"),
    *("http://[::1]/", "http://0/", "http://2130706433/", "http://a@127.0.0.1/", "//x", "http://"),
    *("gopher://127.0.0.1:6379/_FLUSHALL", "http://localhost\r\nX: y/", "http://x:99999/"),
)
QUERIES = (
    *("output=-1", "output=1e9", "output=%00", "wait=nan", "wait=inf", "wait=-1", "wait=1e400"),
    *("jobId=&jobId=", "jobId=%ff", "presigned=2&output=9", "token=%00", "jobId=" + "a" * 65),
)


def bad_bodies(file_id: str) -> list[dict[str, Any]]:
    """Bodies of POST /api/convert-audio, each with one thing wrong or wild."""
    plain: dict[str, Any] = {"fileId": file_id, "format": "mp3"}
    found = [plain | {"webhookUrl": url} for url in URLS]
    for number, name in enumerate((*OPTIONS, *MEMBERS)):
        values = (WILD * 2)[number % len(WILD) :][:4]
        found += [plain | _with(name, value) for value in values]
    return found


def _with(name: str, value: Any) -> dict[str, Any]:
    return {"options": {name: value}} if name in OPTIONS else {name: value}
