"""Leftovers: what lies among an upload's chunks when the upload is complete."""

from collections.abc import Sequence

from wavemill_common.errors import ObjectNotFound
from wavemill_common.objects import ObjectStore
from wavemill_common.uploads import Upload


async def remove_leftovers(objects: ObjectStore, upload: Upload, keys: Sequence[str]) -> None:
    """Delete these objects of a complete upload, but for those that its file is made of."""
    try:
        needed = set(await objects.sources(upload.storage_key))
    except ObjectNotFound:  # the upload is being removed, with all that is left of it
        needed = set()
    await objects.delete([key for key in keys if key not in needed])
