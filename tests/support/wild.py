"""Wild: files whose headers promise the impossible."""

import io
import struct
import zipfile
from collections.abc import Callable

HUGE = 0xFFFFFFFF


def wav(*, rate: int = 44_100, channels: int = 2, bits: int = 16, data: int = 8000) -> bytes:
    """A WAV whose header says what it likes, before 8000 bytes of silence."""
    block = channels * bits // 8 & 0xFFFF
    layout = (16, 1, channels, rate, rate * block & HUGE, block, bits)
    fmt = struct.pack("<IHHIIHH", *layout)
    sized = struct.pack("<I", data)
    return b"RIFF" + struct.pack("<I", HUGE) + b"WAVEfmt " + fmt + b"data" + sized + bytes(8000)


def wav_with_chunk(size: int) -> bytes:
    """A WAV with a chunk of that size before its data, which is not there."""
    plain = wav()
    return plain[:36] + b"LIST" + struct.pack("<I", size) + b"INFO" + plain[36:]


def id3(size: int, rest: bytes) -> bytes:
    """An ID3 tag that says that it has so many bytes."""
    seven = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + seven + b"TIT2" + struct.pack(">I", size - 10) + bytes(2) + rest


def absurd_tables(m4a: bytes, table: bytes) -> bytes:
    """An MP4 whose table says that it has four billion entries."""
    data = bytearray(m4a)
    at = data.index(table)
    count = at + (12 if table == b"stsz" else 8)
    data[count : count + 4] = struct.pack(">I", 0xFFFFFFF0)
    return bytes(data)


def zipped(audio: bytes) -> bytes:
    """A ZIP behind audio: both at once."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("x.m3u8", "#EXTM3U\nfile:///etc/passwd\n")
    return audio + archive.getvalue()


def flac_with_blocks(flac: bytes) -> bytes:
    """A FLAC whose first picture claims 16 MiB."""
    return flac[:4] + b"\x06\xff\xff\xff" + flac[8:]


Files = dict[str, bytes]
WILD: dict[str, Callable[[Files], bytes]] = {
    "wav of 2^31-1 Hz": lambda _: wav(rate=2**31 - 1),
    "wav of 2^32-1 Hz": lambda _: wav(rate=HUGE),
    "wav of 0 Hz": lambda _: wav(rate=0),
    "wav of 65535 channels": lambda _: wav(channels=65535),
    "wav of no channel": lambda _: wav(channels=0),
    "wav of no bits": lambda _: wav(bits=0),
    "wav of 4 GiB": lambda _: wav(data=HUGE - 1),
    "wav with a chunk of 4 GiB": lambda _: wav_with_chunk(HUGE),
    "wav with a chunk of 2 GiB": lambda _: wav_with_chunk(2**31),
    "mp3 with a tag of 256 MB": lambda files: id3((1 << 28) - 1, files["mp3"]),
    "only a tag of 256 MB": lambda _: id3((1 << 28) - 1, b""),
    "m4a with absurd stsz": lambda files: absurd_tables(files["m4a"], b"stsz"),
    "m4a with absurd stts": lambda files: absurd_tables(files["m4a"], b"stts"),
    "m4a with absurd stsc": lambda files: absurd_tables(files["m4a"], b"stsc"),
    "flac with an absurd block": lambda files: flac_with_blocks(files["flac"]),
    "mp3 and zip at once": lambda files: zipped(files["mp3"]),
    "wav and zip at once": lambda _: zipped(wav()),
}
