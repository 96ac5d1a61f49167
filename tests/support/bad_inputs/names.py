"""Names: a hundred file names that somebody will send, by accident or not."""

import itertools

CONTROLS = ["\0", "\r\n", "\n", "\x1b[2J", "\x7f", "\x85", "\u202e", "\u2066", "\u200f", "\ufeff"]
PATHS = [
    *("../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/shadow", "C:\\a.mp3", "\\\\host\\a"),
    *("file:///etc/passwd", "http://127.0.0.1/a.mp3", "a/../../b.mp3", "./a.mp3", "....//a.mp3"),
    *("%2e%2e%2fa.mp3", "..%c0%afa.mp3", "~/a.mp3", "a.mp3/", "/", "\\", "..", ".", "", " "),
]
COMMANDS = [
    *("-i", "-f null", "--help", "$(id)", "`id`", "; rm -rf /", "| cat", "&& id", "a' b", 'a" b'),
    *("%s%n%x", "{{7*7}}", "${7*7}", "' OR 1=1 --", "<script>alert(1)</script>.mp3", "*.mp3", "?"),
    *("pipe:0", "concat:a|b", "subfile,,start,0,end,9,,:/etc/passwd", "data:,x", "a;b=c", "a,b"),
]
BIDI = [f"song{mark}3pm.exe" for mark in "\u061c\u200e\u202a\u202b\u202d\u2067\u2068\u2069\u200b"]
NAMED = ["CON", "NUL.mp3", "COM1.wav", "aux", ".htaccess", ".mp3", "a.", "a .mp3", "desktop.ini"]
SCRIPTS = [
    "Grüße.mp3",
    "Gru\u0308sse.mp3",
    "音楽.flac",
    "שלום.wav",
    "🎵🎶.ogg",
    "e\u0301" * 40,
    "ﬁ.mp3",
]
LONG = ["n" * 255, "n" * 5000 + ".mp3", "€" * 2000, "a." * 500, "." * 300, "🎵" * 200]


def bad_names() -> list[str]:
    """All of them, without repeats."""
    mixed = [f"a{control}b.mp3" for control in CONTROLS]
    mixed += [f"{control}{path}" for control, path in zip(CONTROLS, PATHS, strict=False)]
    headers = [f"a{end}Set-Cookie: x=1{end}" for end in ("\r\n", "\n", "\r")]
    headers += ['a"; filename="b.mp3', "a\"; filename*=UTF-8''b.mp3", "a;b.mp3", "a%22.mp3"]
    known = (mixed, headers, PATHS, COMMANDS, BIDI, NAMED, SCRIPTS, LONG)
    return list(dict.fromkeys(itertools.chain(*known)))
