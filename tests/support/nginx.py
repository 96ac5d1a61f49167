"""nginx, as the tests of reverse proxies run it."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from support.server import wait_until

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CONFIG = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    log_format who '$upstream_addr $request';
    access_log {folder}/access.log who;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {recipe}
}}
"""


@contextmanager
def running_nginx(folder: Path, recipe: str, *ports: int) -> Iterator[None]:
    """Run it for the time of a block, from the moment when all these ports answer."""
    assert NGINX is not None
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, recipe=recipe))
    # Workers as another user could not write below a private folder.
    extra = ["-g", "user root;"] if os.geteuid() == 0 else []
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(config), *extra])
    try:
        for port in ports:
            wait_until(lambda port=port: listens(port), 30)  # type: ignore[misc]
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def listens(port: int) -> bool:
    """Whether anybody takes connections there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
