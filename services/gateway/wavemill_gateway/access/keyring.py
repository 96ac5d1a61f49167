"""KeyRing: tell good API keys from others, without asking the job store for every request."""

from collections import OrderedDict
from collections.abc import Callable

from wavemill_common.api_keys import ApiKey, id_of
from wavemill_common.records import JobStore

KNOWN_FOR = 5.0  # seconds; within these, a revocation is heard of
MOST_KNOWN = 4096  # keys, and ids that are none
_NONE = ApiKey(key_id="", name="", digest="0" * 64, created_at=0.0)


class KeyRing:
    """What is known of keys: of those that there are, and of ids that nothing has.

    `now` is the time by which keys expire, `clock` one that never goes back.
    """

    def __init__(
        self, records: JobStore, now: Callable[[], float], clock: Callable[[], float]
    ) -> None:
        self._records = records
        self._now = now
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, ApiKey | None]] = OrderedDict()

    async def recognise(self, text: str) -> ApiKey | None:
        """The record of a key that is good; None for any other text, and why is not told.

        Raises:
            JobStoreUnavailable: it cannot be told now.
        """
        key_id = id_of(text)
        key = None if key_id is None else await self._find(key_id)
        fits = (key or _NONE).fits(text)  # compared in any case: a wrong key is a wrong key
        return key if fits and key is not None and key.is_good(self._now()) else None

    async def is_good(self, key_id: str) -> bool:
        """Whether the key of this id still opens anything."""
        key = await self._find(key_id)
        return key is not None and key.is_good(self._now())

    async def _find(self, key_id: str) -> ApiKey | None:
        known = self._known.get(key_id)
        if known is not None and self._clock() < known[0]:
            return known[1]
        asked_at = self._clock()
        key = await self._records.key(key_id)
        self._known[key_id] = (asked_at + KNOWN_FOR, key)
        self._known.move_to_end(key_id)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return key
