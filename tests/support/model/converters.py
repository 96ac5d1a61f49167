"""The steps of converters: each may stop between any two, wake up much later, or die."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from support.model.base import WORKERS, Model
from support.sim_worker import Holding, SimWorker
from wavemill_common.jobs import Change

ENDS = ("complete", "fail", "delay", "hand_back")


class Converters(Model):
    """Three converters. One that takes no step for long is a zombie when it goes on."""

    @rule(number=st.integers(0, WORKERS - 1), count=st.integers(1, 2))
    def read(self, number: int, count: int) -> None:
        self.do(self.workers[number].read(count))

    @rule(number=st.integers(0, WORKERS - 1), count=st.integers(1, 2))
    def sweep(self, number: int, count: int) -> None:
        self.do(self.workers[number].sweep(count))

    @precondition(lambda self: any(worker.holdings for worker in self.workers))
    @rule(data=st.data(), acts=st.booleans())
    def look(self, data: st.DataObject, *, acts: bool) -> None:
        worker, holding = self.choose(data, running=False)
        if holding.attempt is None:
            self.do(worker.look(holding))
            if acts:
                self.do(worker.act(holding))

    @precondition(lambda self: any(worker.holdings for worker in self.workers))
    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        worker, holding = self.choose(data, running=False)
        self.do(worker.act(holding))

    @rule(number=st.integers(0, WORKERS - 1))
    def renew(self, number: int) -> None:
        self.do(self.workers[number].renew())

    @precondition(lambda self: any(worker.running for worker in self.workers))
    @rule(data=st.data())
    def renew_record(self, data: st.DataObject) -> None:
        worker, holding = self.choose(data, running=True)
        self.do(worker.renew_record(holding))

    @precondition(lambda self: any(worker.running for worker in self.workers))
    @rule(data=st.data(), percent=st.integers(0, 99))
    def report(self, data: st.DataObject, percent: int) -> None:
        worker, holding = self.choose(data, running=True)
        self.do(worker.report(holding, percent))

    @precondition(lambda self: any(worker.running for worker in self.workers))
    @rule(data=st.data(), end=st.sampled_from(ENDS))
    def end(self, data: st.DataObject, end: str) -> None:
        worker, holding = self.choose(data, running=True)
        self.do(worker.commit(holding, self.outcome(worker, holding, end)))
        self.note_commit(holding)

    @precondition(lambda self: any(worker.running for worker in self.workers))
    @rule(data=st.data(), end=st.sampled_from(ENDS))
    def end_and_die(self, data: st.DataObject, end: str) -> None:
        """Committed, twice since the first reply was lost; dead before Redis was told."""
        worker, holding = self.choose(data, running=True)
        change = self.outcome(worker, holding, end)
        for _ in range(2):
            self.do(self.world.jobs.apply(change))
        self.note_commit(holding)
        self.replace(worker)

    @precondition(lambda self: any(worker.running for worker in self.workers))
    @rule(data=st.data())
    def publish_and_die(self, data: st.DataObject) -> None:
        worker, holding = self.choose(data, running=True)
        self.do(worker.publish(holding))
        self.replace(worker)

    @rule(number=st.integers(0, WORKERS - 1))
    def die(self, number: int) -> None:
        self.replace(self.workers[number])

    def replace(self, worker: SimWorker) -> None:
        """Another converter takes the place; the dead one's entries lapse as time passes."""
        place = self.workers.index(worker)
        self.workers[place] = SimWorker(self.world, place)
        self.dead.append(worker)

    def choose(self, data: st.DataObject, *, running: bool) -> tuple[SimWorker, Holding]:
        choices = [
            (worker, holding)
            for worker in self.workers
            for holding in (worker.running if running else worker.holdings)
        ]
        return data.draw(st.sampled_from(choices))

    def outcome(self, worker: SimWorker, holding: Holding, end: str) -> Change:
        if end == "complete":
            completion: Change = self.do(worker.finish(holding))
            return completion
        if end == "hand_back":
            return worker.surrender(holding)
        return worker.failure(holding, transient=end == "delay")
