"""The health check of container images: python -m wavemill_common.healthcheck gateway|worker.

Exits 0 when the service in this container is ready. Only what is quick to import is used: it runs
every few seconds.
"""

import http.client
import os
import sys

TIMEOUT = 4.0  # seconds
PORTS = {"gateway": ("PORT", "8080"), "worker": ("WAVEMILL_HEALTH_PORT", "8081")}


def main(kind: str, path: str = "/readyz") -> None:
    """Ask the service of this kind; fail with what it says is wrong."""
    variable, default = PORTS[kind]
    port = int(os.environ.get(variable) or default)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(1000).decode(errors="replace")
    except OSError as error:
        sys.exit(f"no answer on port {port}: {error}")
    if response.status != http.HTTPStatus.OK:
        sys.exit(f"{response.status}: {body}")


if __name__ == "__main__":
    main(*sys.argv[1:])
