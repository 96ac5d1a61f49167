"""Intake: an upload's life in the stores, from its opening to the whole file or its removal."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from msgspec import Struct, structs

from wavemill_common.errors import InvalidChunk, UploadInUse, UploadNotFound
from wavemill_common.ids import new_id
from wavemill_common.objects import ObjectStore
from wavemill_common.records import JobStore
from wavemill_common.uploads import MAX_CHUNKS, ByTus, Chunk, Upload, count_chunks
from wavemill_gateway.access.caller import ANYONE, NOBODY, Caller, Opener
from wavemill_gateway.access.ownership import own_chunk, own_upload
from wavemill_gateway.access.quotas import UNLIMITED, QuotaLimits, Quotas
from wavemill_gateway.bodies import Counted
from wavemill_gateway.checks import check_count
from wavemill_gateway.chunks import Chunks
from wavemill_gateway.completion import Completion
from wavemill_gateway.direct_parts import too_large
from wavemill_gateway.followers import Followers
from wavemill_gateway.names import clean_name, extension_of
from wavemill_gateway.sniff import refuse_no_audio


class UploadLimits(Struct, frozen=True):
    """What an upload may be: sizes in bytes, its life in seconds."""

    max_bytes: int
    chunk_bytes: int
    min_chunk_bytes: int
    max_chunk_bytes: int
    ttl: float


class Received(Struct, frozen=True):
    """What has arrived of an upload: the indexes of chunks; `completed` if it was by this one."""

    upload: Upload
    indexes: set[int]
    completed: bool


class Intake:
    """Takes files in. Every method may raise what the stores raise."""

    def __init__(
        self,
        objects: ObjectStore,
        records: JobStore,
        limits: UploadLimits,
        now: Callable[[], float],
        quotas: QuotaLimits = UNLIMITED,
        followers: Followers | None = None,
    ) -> None:
        self._objects = objects
        self._records = records
        self._quotas = Quotas(records, quotas, now)
        self._now = now
        self._followers = followers
        self._completion = Completion(objects, records, limits.max_bytes, now, followers)
        self._chunks = Chunks(objects, records, self._completion)
        self.limits = limits

    async def open(
        self, file_name: str, size: int, chunk_size: int | None, opener: Opener = NOBODY
    ) -> Upload:
        """Open an upload for `size` bytes in chunks.

        Raises:
            FileTooLarge, InvalidFormat, InvalidChunk: it cannot be; the message says what can.
        """
        self._check_size(size)
        limits = self.limits
        chunk = limits.chunk_bytes if chunk_size is None else chunk_size
        if not limits.min_chunk_bytes <= chunk <= limits.max_chunk_bytes:
            raise InvalidChunk(
                f"chunkSize must be from {limits.min_chunk_bytes} to {limits.max_chunk_bytes}"
            )
        check_count(size, chunk)
        upload = self._new_upload(file_name, size, chunk, opener)
        await self._put_upload(upload, opener, size)
        return upload

    async def open_tus(
        self, file_name: str, size: int, metadata: str, opener: Opener = NOBODY
    ) -> Upload:
        """Open an upload for `size` bytes that come in one stream, by tus.

        Raises:
            FileTooLarge, InvalidFormat, InvalidChunk: it cannot be; the message says what can.
        """
        self._check_size(size)
        chunk = max(self.limits.chunk_bytes, count_chunks(size, MAX_CHUNKS))
        new = self._new_upload(file_name, size, chunk, opener)
        upload = structs.replace(new, tus=ByTus(metadata))
        await self._put_upload(upload, opener, size)
        return upload

    async def open_direct(
        self, file_name: str, opener: Opener = NOBODY, *, in_parts: bool
    ) -> Upload:
        """Open an upload whose bytes go straight to the object store, whole or in parts.

        The record comes first, so that the parts of a multipart upload belong to somebody.
        """
        upload = self._new_upload(file_name, None, self.limits.chunk_bytes, opener, direct=True)
        await self._put_upload(upload, opener)
        if not in_parts:
            return upload
        storage_id = await self._objects.start_multipart(upload.storage_key)
        known = upload.stored_by(storage_id)
        if not await self._records.save_upload(known):
            await self._objects.abort_multipart(upload.storage_key, storage_id)
            raise UploadNotFound("the upload was aborted while it was opened")
        return known

    async def receive_file(
        self,
        file_name: str,
        blocks: AsyncIterator[bytes],
        announced: int,
        opener: Opener = NOBODY,
    ) -> Upload:
        """Take in a whole file of at least `announced` bytes; its size shows at its end.

        The record comes first, so that whatever is stored belongs to an upload that expires.

        Raises:
            FileTooLarge: before anything is stored, where its size was announced.
        """
        if announced > self.limits.max_bytes:
            raise too_large(self.limits.max_bytes)
        limit = self.limits.max_bytes
        counted = Counted(blocks, limit, too_large(limit))
        upload = self._new_upload(file_name, None, self.limits.chunk_bytes, opener)
        await self._put_upload(upload, opener, announced)
        try:
            stored = await self._objects.put(upload.storage_key, aiter(counted))
            return await self._completion.finish(upload, stored, counted.sha256)
        except BaseException:
            await self._completion.discard(upload)
            raise

    async def receive_first_chunk(
        self, chunk: Chunk, blocks: AsyncIterator[bytes], expected_sha256: str | None
    ) -> Received:
        """Take in the chunk that opened its upload; without it nobody knows of the upload."""
        try:
            return await self.receive_chunk(chunk, blocks, expected_sha256)
        except BaseException:
            with suppress(UploadNotFound):
                await self._abort(chunk.upload)
            raise

    async def receive_chunk(
        self, chunk: Chunk, blocks: AsyncIterator[bytes], expected_sha256: str | None
    ) -> Received:
        """Take in one chunk, of which the record was just read; tell what has arrived by then.

        Raises:
            InvalidChunk: its index, size or digest is wrong.
            ChunkConflict: other bytes are stored under this index.
        """
        arrived = await self._chunks.take(chunk, blocks, expected_sha256)
        newest = self._completion.usable(arrived.upload)
        received = newest.received(arrived.chunks)
        if self._followers is not None:
            await self._followers.arrived(newest, chunk.index)
        if len(received) < newest.total_chunks:
            return Received(newest, received, completed=False)
        whole, completed = await self._completion.run(newest.file_id)
        return Received(whole, await self.received(whole), completed)

    async def find(self, file_id: str, caller: Caller = ANYONE) -> Upload:
        """Read an upload.

        Raises:
            UploadNotFound: there is none of this caller's, or it was aborted or has expired.
        """
        return self._completion.usable(await own_upload(self._records, caller, file_id))

    async def find_chunk(self, file_id: str, index: int, caller: Caller = ANYONE) -> Chunk:
        """Read an upload, and what is on record of one of its chunks.

        Raises:
            UploadNotFound: there is none of this caller's, or it was aborted or has expired.
        """
        chunk = await own_chunk(self._records, caller, file_id, index)
        self._completion.usable(chunk.upload)
        return chunk

    async def received(self, upload: Upload) -> set[int]:
        """The indexes of the chunks that are stored."""
        return await self._completion.received(upload)

    async def complete(self, file_id: str, caller: Caller = ANYONE) -> Upload:
        """Assemble the file, once: a second call gets the first one's result.

        Raises:
            UploadIncomplete: chunks are missing; `missing` lists their indexes.
            InvalidFormat: the file is no audio; nothing of it is kept.
        """
        await own_upload(self._records, caller, file_id)
        upload, _ = await self._completion.run(file_id)
        return upload

    async def abort(self, file_id: str, caller: Caller = ANYONE) -> None:
        """Remove an upload and all that is stored of it; jobs that follow an open one end, too.

        Raises:
            UploadInUse: a job that has not ended needs it.
        """
        await self._abort(await self.find(file_id, caller))

    async def release(self, file_id: str) -> None:
        """Remove an upload as `abort` does, whosever it is: the job made of it is removed."""
        await self._abort(await self._completion.find(file_id))

    async def _abort(self, upload: Upload) -> None:
        while True:
            jobs = await self._records.jobs(upload.job_ids)
            needed = any(not job.is_terminal for job in jobs.values())
            if needed and (upload.is_complete or self._followers is None):
                raise UploadInUse("a job still needs this file; cancel the job or wait for its end")
            aborted = upload.aborted()
            if await self._records.save_upload(aborted):
                if self._followers is not None:
                    await self._followers.broken_off(aborted)
                await self._completion.remove(aborted)
                return
            upload = await self._completion.find(upload.file_id)

    def _check_size(self, size: int) -> None:
        if size == 0:
            refuse_no_audio(b"")
        if size < 0:
            raise InvalidChunk("fileSize must be the file's size in bytes")
        if size > self.limits.max_bytes:
            raise too_large(self.limits.max_bytes)

    def _new_upload(
        self,
        file_name: str,
        size: int | None,
        chunk_size: int,
        opener: Opener,
        *,
        direct: bool = False,
    ) -> Upload:
        file_id, name, now = new_id(), clean_name(file_name), self._now()
        return Upload(
            file_id=file_id,
            file_name=name,
            size=size,
            chunk_size=chunk_size,
            storage_key=f"uploads/{file_id}.{extension_of(name)}",
            created_at=now,
            expires_at=now + self.limits.ttl,
            owner=opener.owner,
            direct=direct,
        )

    async def _put_upload(self, upload: Upload, opener: Opener, announced: int = 0) -> None:
        async with self._quotas.room_for_upload(upload, announced, opener.most):
            await self._records.put_upload(upload)
