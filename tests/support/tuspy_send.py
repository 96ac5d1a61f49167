"""Send a file by tuspy: python -m support.tuspy_send ENDPOINT FILE URLS CHUNK CHECKSUM.

URLS is a file that keeps what was begun; an upload of the same file is resumed from there.
"""

import sys
from pathlib import Path

from tusclient import client
from tusclient.storage import filestorage


def main(endpoint: str, path: str, urls: str, chunk: str, checksum: str) -> None:
    """Send it, or fail with whatever tuspy raises."""
    uploader = client.TusClient(endpoint).uploader(
        path,
        chunk_size=sys.maxsize if chunk == "whole" else int(chunk),
        metadata={"filename": Path(path).name},
        store_url=True,
        url_storage=filestorage.FileStorage(urls),  # type: ignore[no-untyped-call]
        upload_checksum=checksum == "checksum",
    )
    uploader.upload()
    print(uploader.url)  # noqa: T201 - for the test


if __name__ == "__main__":
    main(*sys.argv[1:])
