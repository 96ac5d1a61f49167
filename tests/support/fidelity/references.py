"""Reference commands, written by hand: what a person who knows ffmpeg types for the same result.

Nothing here comes from the product: neither its command builder nor its catalogue.
"""

import shlex
from pathlib import Path

from media_files import run

# (input, format): everything between `-i INPUT` and OUTPUT.
COMMANDS = {
    ("lena.wav", "mp3"): "-c:a libmp3lame -q:a 2 -id3v2_version 3 -write_id3v1 1 -f mp3",
    ("cover.mp3", "mp3"): "-map 0:a -map 0:v -c:v copy -disposition:v attached_pic "
    "-c:a copy -id3v2_version 3 -write_id3v1 1 -f mp3",
    ("low.mp3", "mp3"): "-c:a copy -id3v2_version 3 -write_id3v1 1 -f mp3",
    ("chapters.opus", "mp3"): "-map_metadata:g 0:s:a:0 -c:a libmp3lame -q:a 2 "
    "-id3v2_version 3 -write_id3v1 1 -f mp3",
    ("lena.m4a", "m4a"): "-c:a copy -movie_timescale 44100 -movflags +faststart -f ipod",
    ("end.m4a", "m4a"): "-map 0:a -map 0:v -c:v copy -disposition:v attached_pic "
    "-c:a copy -movie_timescale 44100 -movflags +faststart -f ipod",
    ("cover.flac", "m4b"): "-map 0:a -map 0:v -c:v copy -disposition:v attached_pic "
    "-c:a aac -b:a 160k -movflags +faststart -f ipod",
    ("cover.flac", "alac"): "-map 0:a -map 0:v -c:v copy -disposition:v attached_pic "
    "-c:a alac -sample_fmt s32p -movflags +faststart -f ipod",
    ("fragments.m4a", "alac"): "-c:a alac -sample_fmt s16p -movflags +faststart -f ipod",
    ("surround.wav", "m4a"): "-c:a aac -b:a 160k -movflags +faststart -f ipod",
    ("lena.flac", "aac"): "-c:a aac -b:a 160k -f adts",
    ("lena.flac", "opus"): "-ar 48000 -c:a libopus -b:a 96k -f opus",
    ("chapters.mka", "webm"): "-ar 48000 -c:a libopus -b:a 96k -f webm",
    ("tags.ogg", "webm"): "-map_metadata:g 0:s:a:0 -ar 48000 -c:a libopus -b:a 96k -f webm",
    ("lena.mp3", "ogg"): "-map 0:a -c:a libvorbis -q:a 5 -f ogg",
    ("surround.flac", "ogg"): "-c:a libvorbis -q:a 5 -f ogg",
    ("s24.wav", "flac"): "-c:a flac -sample_fmt s32 -frame_size 4096 -compression_level 5 -f flac",
    ("unknown.wav", "flac"): "-c:a flac -frame_size 4096 -compression_level 5 -f flac",
    ("deep.alac.m4a", "wav"): "-c:a pcm_s24le -rf64 auto -f wav",
    ("float.wav", "wav"): "-c:a pcm_f32le -rf64 auto -f wav",
    ("rf64.wav", "wav"): "-c:a pcm_s16le -rf64 auto -f wav",
    ("cut.mp3", "wav"): "-map 0:a -c:a pcm_s16le -rf64 auto -f wav",
    ("id3.aiff", "aiff"): "-map 0:a -map 0:v -c:v copy -disposition:v attached_pic "
    "-c:a pcm_s16be -write_id3v2 1 -id3v2_version 3 -f aiff",
    ("pcm.caf", "aiff"): "-c:a pcm_s16be -write_id3v2 1 -id3v2_version 3 -f aiff",
    ("flac.oga", "mka"): "-map_metadata:g 0:s:a:0 -c:a copy -f matroska",
    ("lossless.wv", "wv"): "-c:a copy -f wv",
    ("s24.wav", "tta"): "-c:a tta -sample_fmt s32 -f tta",
    ("long.w64", "caf"): "-c:a alac -f caf",
    ("surround.flac", "ac3"): "-c:a ac3 -b:a 192k -f ac3",
    ("surround.flac", "mp2"): "-ac 2 -c:a mp2 -b:a 192k -f mp2",
    ("tags.wav", "wma"): "-c:a wmav2 -b:a 160k -f asf",
    ("phone.wav", "amr"): "-c:a libopencore_amrnb -b:a 12.2k -f amr",
    ("video.mp4", "mp3"): "-vn -c:a libmp3lame -q:a 2 -id3v2_version 3 -write_id3v1 1 -f mp3",
}

_COVER = "-map 0:a -map 0:v -c:v copy -disposition:v attached_pic"
_TAGS = """-map_metadata -1 -metadata "title=Tïtle = with ; stuff" -metadata artist=Someone
-metadata "comment=line one\nline two"
-metadata CHAPTER000=00:00:00.000 -metadata CHAPTER000NAME=First
-metadata CHAPTER001=00:00:01.000 -metadata CHAPTER001NAME=Second"""
# (format, quality) of the large input with cover and chapters.
LARGE = {
    ("mp3", "max"): f"{_COVER} -c:a libmp3lame -b:a 320k -id3v2_version 3 -write_id3v1 1 -f mp3",
    ("m4a", "512k"): f"{_COVER} -c:a aac -b:a 512k -movflags +faststart -f ipod",
    ("alac", "standard"): f"{_COVER} -c:a copy -movie_timescale 44100 -movflags +faststart -f ipod",
    ("flac", "standard"): f"{_COVER} {_TAGS} -c:a flac -frame_size 4096 "
    "-compression_level 5 -f flac",
    ("aiff", "standard"): f"{_COVER} -c:a pcm_s16be -write_id3v2 1 -id3v2_version 3 -f aiff",
    ("wav", "standard"): "-map 0:a -c:a pcm_s16le -rf64 auto -f wav",
}


def make_reference(source: Path, words: str, target: Path) -> Path:
    """Run a reference command between two local, seekable files."""
    run("-i", source, *shlex.split(words), "-fflags", "+bitexact", target)
    return target
