"""Playlists: files that name other files and hosts."""

EXTENSIONS = ("mp3", "wav", "m4a", "flac", "ogg", "m3u8", "mpd", "sdp")


def _hls(entry: str) -> str:
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n"
    return f"{head}#EXTINF:1,\n{entry}\n#EXT-X-ENDLIST\n"


def _dash(entry: str) -> str:
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="audio/mp4">'
        f'<Representation id="1" bandwidth="1000"><BaseURL>{entry}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    )


def _sdp(_: str) -> str:
    return (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=audio 5004 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n"
    )


KINDS = {
    "hls": _hls,
    "m3u": lambda entry: f"#EXTM3U\n{entry}\n",
    "ffconcat": lambda entry: f"ffconcat version 1.0\nfile '{entry}'\n",
    "concat-subfile": lambda entry: _hls(f"concat:{entry}|{entry}"),
    "dash": _dash,
    "sdp": _sdp,
}
