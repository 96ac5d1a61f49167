"""The steps of clients and gateways; a gateway may be deaf to Redis, or die half-way."""

from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from support.model.base import Model
from support.protocol import CHUNK, blocks_of, request_for
from wavemill_common.errors import AppError
from wavemill_common.uploads import Upload


class Clients(Model):
    """Uploads in every order; submissions, whole and cut short; cancellations and retries."""

    @initialize(jobs=st.integers(0, 2), chunks=st.sampled_from([3, 1, 0]))
    def begin(self, jobs: int, chunks: int) -> None:
        """Most runs begin with a file, or nothing would happen in them for long."""
        self.open_upload()
        for index in range(chunks):
            self.send(self.uploads[0], index)
        for key in "abc"[:jobs]:
            self.do(self.convert(self.uploads[0].file_id, key, deaf=False))

    @precondition(lambda self: len(self.uploads) < 2)
    @rule()
    def open_upload(self) -> None:
        self.uploads.append(self.do(self.world.intake().open("a.wav", len(self.file), CHUNK)))

    @precondition(lambda self: self.uploads)
    @rule(data=st.data())
    def upload_a_file(self, data: st.DataObject) -> None:
        upload = data.draw(st.sampled_from(self.uploads))
        deaf = data.draw(st.booleans())
        for index in data.draw(st.permutations(range(upload.total_chunks))):
            self.send(upload, index, deaf=deaf)

    @precondition(lambda self: self.uploads)
    @rule(data=st.data(), index=st.integers(0, 2))
    def send_chunk(self, data: st.DataObject, index: int) -> None:
        self.send(data.draw(st.sampled_from(self.uploads)), index)

    def send(self, upload: Upload, index: int, *, deaf: bool = False) -> None:
        with suppress(AppError):
            self.do(self.receive(upload.file_id, index, deaf=deaf))

    async def receive(self, file_id: str, index: int, *, deaf: bool) -> None:
        intake = self.world.intake(deaf=deaf)
        chunk = await intake.find_chunk(file_id, index)
        piece = self.file[index * CHUNK : (index + 1) * CHUNK]
        await intake.receive_chunk(chunk, blocks_of(piece), None)

    @precondition(lambda self: self.uploads)
    @rule(data=st.data())
    def abort_upload(self, data: st.DataObject) -> None:
        upload = data.draw(st.sampled_from(self.uploads))
        with suppress(AppError):
            self.do(self.world.intake().abort(upload.file_id))

    @precondition(lambda self: self.uploads)
    @rule(data=st.data(), key=st.sampled_from("abc"), deaf=st.booleans())
    def submit(self, data: st.DataObject, key: str, *, deaf: bool) -> None:
        file_id = data.draw(st.sampled_from(self.uploads)).file_id
        with suppress(AppError):
            self.do(self.convert(file_id, key, deaf=deaf))

    async def convert(self, file_id: str, key: str, *, deaf: bool) -> None:
        asked, body = request_for(file_id)
        job = await self.world.desk(deaf=deaf).submit(asked, key, body)
        self.accepted[job.job_id] = file_id

    @precondition(lambda self: self.uploads)
    @rule(data=st.data(), key=st.sampled_from("abc"))
    def begin_to_submit(self, data: st.DataObject, key: str) -> None:
        file_id = data.draw(st.sampled_from(self.uploads)).file_id
        desk = self.world.desk()
        with suppress(AppError):
            self.do(desk._submission.reserve(file_id, desk._keyed_id(file_id, key)))
            self.begun.append((file_id, key))

    @precondition(lambda self: self.begun)
    @rule(dies=st.sampled_from(["before enqueue", "never"]))
    def go_on_to_submit(self, dies: str) -> None:
        file_id, key = self.begun.pop(0)
        with suppress(AppError):
            self.do(self.write_job(file_id, key, announced=dies == "never"))

    async def write_job(self, file_id: str, key: str, *, announced: bool) -> None:
        desk = self.world.desk()
        asked, body = request_for(file_id)
        upload = await self.world.jobs.upload(file_id)
        fresh = desk._new_job(desk._keyed_id(file_id, key), upload, asked, body.hex())
        job = await self.world.jobs.put_job(fresh)
        if announced:
            await desk._submission.confirm(job)
            await desk._submission.announce(job)
            self.accepted[job.job_id] = file_id

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), deaf=st.booleans())
    def cancel(self, data: st.DataObject, *, deaf: bool) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.seen)))
        with suppress(AppError):
            self.do(self.world.desk(deaf=deaf).cancel(job_id))

    @precondition(lambda self: any(job.is_terminal for job in self.seen.values()))
    @rule(data=st.data(), deaf=st.booleans())
    def run_again(self, data: st.DataObject, *, deaf: bool) -> None:
        ended = sorted(job_id for job_id, job in self.seen.items() if job.is_terminal)
        job_id = data.draw(st.sampled_from(ended))
        self.ran_again.add(job_id)
        with suppress(AppError):
            self.do(self.world.desk(deaf=deaf).retry(job_id))
