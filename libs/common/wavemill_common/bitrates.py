"""Bitrates: which ones the encoders really do, measured on ffmpeg 5.1 and 9.0. Pure."""

_MPEG1_L3 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG25 = (8, 16, 24, 32, 40, 48, 56, 64)
_MPEG1_L2_MONO = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192)
_MPEG1_L2_STEREO = (64, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_AC3 = (*_MPEG1_L3, 384, 448, 512, 576, 640)
_MPEG1_RATE = 32_000  # Hz; below is MPEG-2
_MPEG2_RATE = 16_000  # Hz; below is MPEG-2.5
_OPUS_PER_CHANNEL = 256_000  # bit/s; libopus refuses more
_AAC_BITS_PER_SAMPLE = 6  # the decoder's buffer: 6144 bits per channel and frame of 1024 samples


def fit_bitrate(encoder: str, bitrate: int, rate: int, channels: int) -> int:
    """Return the bitrate in bit/s nearest to the asked one that the encoder really does."""
    if encoder == "libopus":
        return min(bitrate, _OPUS_PER_CHANNEL * channels)
    if encoder == "aac":
        return min(bitrate, _AAC_BITS_PER_SAMPLE * rate * channels)
    table = _bitrates(encoder, rate, channels)
    if not table:
        return bitrate
    return min((one * 1000 for one in table), key=lambda one: (abs(one - bitrate), -one))


def _bitrates(encoder: str, rate: int, channels: int) -> tuple[int, ...]:
    if encoder == "ac3":
        return _AC3
    if encoder not in {"libmp3lame", "mp2"}:
        return ()
    if rate < _MPEG2_RATE:
        return _MPEG25
    if rate < _MPEG1_RATE:
        return _MPEG2
    if encoder == "libmp3lame":
        return _MPEG1_L3
    return _MPEG1_L2_MONO if channels == 1 else _MPEG1_L2_STEREO
