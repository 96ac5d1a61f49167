"""Completion: make one file of what was stored of an upload, once, or leave nothing of it."""

import asyncio
from collections.abc import Callable, Sequence

from wavemill_common.errors import (
    AppError,
    FileTooLarge,
    InvalidFormat,
    UploadIncomplete,
    UploadNotFound,
)
from wavemill_common.objects import ObjectInfo, ObjectStore
from wavemill_common.objects.seekable import BLOCK
from wavemill_common.records import JobStore
from wavemill_common.records.unknown import no_upload
from wavemill_common.uploads import Upload, UploadState
from wavemill_gateway.checks import check_total
from wavemill_gateway.direct_parts import bring_in
from wavemill_gateway.followers import Followers
from wavemill_gateway.leftovers import remove_leftovers
from wavemill_gateway.media_reader import read_media
from wavemill_gateway.sharing import Shared
from wavemill_gateway.sniff import HEAD_BYTES, refuse_no_audio
from wavemill_gateway.tus.stored import settled

WAIT_FOR_COMPLETION = 0.1  # seconds between looks at a completion that another request runs


class Completion:
    """The last step of every upload. Every method may raise what the stores raise."""

    def __init__(
        self,
        objects: ObjectStore,
        records: JobStore,
        max_bytes: int,
        now: Callable[[], float],
        followers: Followers | None = None,
    ) -> None:
        self._objects = objects
        self._records = records
        self._max_bytes = max_bytes
        self._now = now
        self._followers = followers
        self._running: Shared[tuple[Upload, bool]] = Shared()

    async def find(self, file_id: str) -> Upload:
        """Read an upload.

        Raises:
            UploadNotFound: there is none, or it was aborted or has expired.
        """
        return self.usable(await self._records.upload(file_id))

    def usable(self, upload: Upload) -> Upload:
        """The upload itself.

        Raises:
            UploadNotFound: it was aborted or has expired.
        """
        if upload.state is UploadState.ABORTED or upload.expires_at <= self._now():
            raise no_upload(upload.file_id)
        return upload

    async def received(self, upload: Upload) -> set[int]:
        """The indexes of the chunks that are stored."""
        if upload.state in {UploadState.COMPLETING, UploadState.COMPLETE}:
            return upload.received(())
        if upload.tus is not None:
            return set(range(len((await settled(self._objects, self._records, upload)).chunks)))
        return upload.received(await self._records.chunks(upload))

    async def run(self, file_id: str) -> tuple[Upload, bool]:
        """Complete an upload; tell also whether it was this call that did it.

        Raises:
            UploadIncomplete: chunks are missing; `missing` lists their indexes.
            InvalidFormat: the file is no audio; nothing of it is kept.
        """
        (upload, made), mine = await self._running.run(file_id, lambda: self._run_once(file_id))
        return upload, made and mine

    async def finish(self, upload: Upload, stored: ObjectInfo, sha256: str | None) -> Upload:
        """Look at the whole file, and have the record say that it is there.

        Raises:
            InvalidFormat: the file is no audio.
            UploadNotFound: the upload was aborted meanwhile.
        """
        reading = self._objects.read(upload.storage_key, 0, BLOCK)
        head = b"".join([block async for block in reading])
        refuse_no_audio(head[:HEAD_BYTES])
        media = await read_media(self._objects, stored, head)
        complete = await self._saved(upload, lambda one: one.completed(stored.size, sha256, media))
        if complete is None:
            raise UploadNotFound("the upload was aborted while it was completed")
        return complete

    async def discard(self, upload: Upload) -> None:
        """Give up an upload that nobody else has a claim on."""
        aborted = await self._saved(upload, Upload.aborted)
        await self.remove(aborted or upload.aborted())

    async def remove(self, upload: Upload) -> None:
        """Delete the bytes first, then the record that names them."""
        if upload.storage_upload_id:
            await self._objects.abort_multipart(upload.storage_key, upload.storage_upload_id)
        await self._objects.delete(await self._stored_chunks(upload))
        await self._objects.delete([upload.storage_key])
        await self._records.remove_upload(upload)

    async def _saved(self, upload: Upload, change: Callable[[Upload], Upload]) -> Upload | None:
        """Write a change over the upload as it was seen, but for jobs that were noted meanwhile.

        None where it was aborted, or another one completes it by now.
        """
        while True:
            changed = change(upload)
            if await self._records.save_upload(changed):
                return changed
            try:
                newest = await self._records.upload(upload.file_id)
            except UploadNotFound:
                return None
            if (newest.state, newest.completing_at) != (upload.state, upload.completing_at):
                return None
            upload = newest

    async def _run_once(self, file_id: str) -> tuple[Upload, bool]:
        while True:
            upload = await self.find(file_id)
            if upload.is_complete:
                return upload, False
            await self._check_whole(upload)
            if upload.may_complete(self._now()):
                claimed = upload.completing(self._now())
                if await self._records.save_upload(claimed):
                    return await self._assemble(claimed)
            await asyncio.sleep(WAIT_FOR_COMPLETION)

    async def _check_whole(self, upload: Upload) -> None:
        if upload.direct:
            return  # only the object store can tell, when it is asked to complete it
        if upload.size is None:
            raise UploadIncomplete("the file did not arrive whole; upload it again", missing=[])
        missing = set(range(upload.total_chunks)) - await self.received(upload)
        if missing and upload.tus is not None and await self._has_changed(upload):
            return  # perhaps it was completed, and its chunks deleted: claiming it will tell
        if missing:
            raise UploadIncomplete(
                f"{len(missing)} of {upload.total_chunks} chunks are missing; send them first",
                missing=sorted(missing),
            )

    async def _has_changed(self, upload: Upload) -> bool:
        return (await self.find(upload.file_id)).revision != upload.revision

    async def _assemble(self, upload: Upload) -> tuple[Upload, bool]:
        try:
            keys = await self._sources(upload)
            if upload.direct:
                stored = await bring_in(self._objects, upload, self._max_bytes)
            else:
                stored = await self._objects.compose(upload.storage_key, keys)
                check_total(stored.size, upload.size)
            complete = await self.finish(upload, stored, None)
        except (InvalidFormat, FileTooLarge) as error:
            if self._followers is not None:
                await self._followers.failed(upload.file_id, error)
            await self.discard(upload)
            raise
        except AppError:
            if await self._saved(upload, Upload.reopened) is None:
                return await self._superseded(upload)
            raise
        except BaseException:
            await self._saved(upload, Upload.reopened)
            raise
        if self._followers is not None:
            await self._followers.completed(complete)
        if upload.tus is not None:
            keys = await self._stored_chunks(upload)  # also what a late request has left
        await remove_leftovers(self._objects, upload, keys)
        return complete, True

    async def _sources(self, upload: Upload) -> Sequence[str]:
        """The keys of all chunks, in order."""
        if upload.tus is not None:
            return (await settled(self._objects, self._records, upload)).chunks
        return [upload.chunk_key(index) for index in range(max(1, upload.total_chunks))]

    async def _stored_chunks(self, upload: Upload) -> Sequence[str]:
        """The keys of all chunks that there are, and of pieces of chunks."""
        return [one.key async for one in self._objects.scan(upload.chunks_prefix)]

    async def _superseded(self, upload: Upload) -> tuple[Upload, bool]:
        """Somebody aborted the upload, or took its completion over, while that ran here."""
        try:
            return await self._run_once(upload.file_id)
        except UploadNotFound:
            await self._objects.delete([upload.storage_key])  # perhaps made after the abort
            raise
