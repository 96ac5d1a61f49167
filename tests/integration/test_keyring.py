"""KeyRing on a real store: what it recognises, how long it remembers, how much."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wavemill_common.api_keys import ApiKey, digest_of, id_of, new_key
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_gateway.access import keyring
from wavemill_gateway.access.keyring import KNOWN_FOR, KeyRing

NOW = 1_800_000_000.0


class CountedStore(SqliteJobStore):
    """A store that counts how often keys are asked for."""

    asked = 0

    async def key(self, key_id: str) -> ApiKey | None:
        self.asked += 1
        return await super().key(key_id)


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return NOW + self.passed


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CountedStore]:
    async with CountedStore.open(tmp_path / "records.sqlite3") as one:
        yield one


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(store: CountedStore, clock: Clock) -> KeyRing:
    return KeyRing(store, clock, clock)


async def added(store: CountedStore, expires_at: float | None = None) -> tuple[str, ApiKey]:
    text = new_key()
    key = ApiKey(
        key_id=id_of(text) or "",
        name="mine",
        digest=digest_of(text),
        created_at=NOW,
        expires_at=expires_at,
    )
    await store.add_key(key)
    return text, key


async def test_a_key_is_recognised_and_looked_up_once_in_a_while(
    store: CountedStore, clock: Clock, ring: KeyRing
) -> None:
    text, key = await added(store)
    for _ in range(100):
        assert await ring.recognise(text) == key
    assert store.asked == 1
    clock.passed = KNOWN_FOR
    assert await ring.recognise(text) == key
    assert store.asked == 2


async def test_a_right_id_with_a_wrong_secret_is_no_key(store: CountedStore, ring: KeyRing) -> None:
    text, _ = await added(store)
    wrong = text[:16] + new_key()[16:]
    assert await ring.recognise(wrong) is None
    assert await ring.recognise(text) is not None


async def test_ids_that_nothing_has_are_remembered_too(store: CountedStore, ring: KeyRing) -> None:
    text = new_key()
    for _ in range(100):
        assert await ring.recognise(text) is None
    assert store.asked == 1
    assert await ring.recognise("no key at all") is None
    assert store.asked == 1


async def test_a_revocation_is_heard_of_in_time(
    store: CountedStore, clock: Clock, ring: KeyRing
) -> None:
    text, key = await added(store)
    assert await ring.recognise(text)
    await store.save_key(key.revoked(NOW))
    clock.passed = KNOWN_FOR
    assert await ring.recognise(text) is None
    assert not await ring.is_good(key.key_id)


async def test_a_key_ends_when_it_expires_remembered_or_not(
    store: CountedStore, clock: Clock, ring: KeyRing
) -> None:
    text, _ = await added(store, expires_at=NOW + 1)
    assert await ring.recognise(text)
    clock.passed = 1.0
    assert await ring.recognise(text) is None
    assert store.asked == 1


async def test_a_flood_of_wrong_keys_does_not_fill_the_memory(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "MOST_KNOWN", 10)
    for _ in range(100):
        assert await ring.recognise(new_key()) is None
    assert len(ring._known) == 10
