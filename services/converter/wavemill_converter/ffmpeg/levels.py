"""Levels: ffmpeg's verbose log, parted into what is for people and what it counts.

Only there does ffmpeg say how many samples it has encoded. Its progress tells when the last one
ends, which is later where the sound begins late, as in video, and with every WMA.
"""

import re

from wavemill_converter.ffmpeg.lines import Log

LOG_LEVEL = "level+verbose"  # each line tells its level
_LEVEL = re.compile(r"((?:\[[^\[\]]+ @ 0x[0-9a-f]+\] )*)\[([a-z]+)\] ")
_ENCODED = re.compile(
    r"Output stream #(\d+):0 \(audio\): \d+ frames encoded \((\d{1,18}) samples\)"
)
_NOT_FOR_PEOPLE = frozenset({"verbose", "debug"})


class LevelledLog:
    """Passes on to `log` what level info and above say; keeps the count of encoded samples."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.encoded: dict[int, int] = {}  # samples per channel, by the output's number

    def add(self, line: str) -> None:
        """Take a line; one without a level is passed on as it is."""
        found = _LEVEL.match(line)
        if found and found[2] in _NOT_FOR_PEOPLE:
            if counted := _ENCODED.search(line):
                self.encoded[int(counted[1])] = int(counted[2])
            return
        self._log.add(found[1] + line[found.end() :] if found else line)
