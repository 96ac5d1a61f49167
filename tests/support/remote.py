"""A disk store that hands out no files: what reads from it comes through the proxy, as with S3."""

from wavemill_common.objects.disk import DiskObjectStore


class RemoteStore(DiskObjectStore):
    """A store that cannot hand its objects over as files."""

    open_file = None  # type: ignore[assignment]
