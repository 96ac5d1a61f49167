"""What the members of the shapes mean, and what their types cannot say of them."""

from collections.abc import Mapping
from typing import Any

from wavemill_common.catalogue import FORMATS
from wavemill_common.options import (
    LOUDNESS_RANGE,
    MAX_FADE,
    MAX_SECONDS,
    MAX_TAGS,
    MAX_TITLE,
    TRUE_PEAK_RANGE,
)
from wavemill_gateway.asked import MAX_OUTPUTS

_ID = {"pattern": "^[A-Za-z0-9_-]{1,64}$"}
_FORMAT = {"enum": list(FORMATS)}
_TIME = {"minimum": 0, "maximum": MAX_SECONDS}
_FADE = {"minimum": 0, "maximum": MAX_FADE}


def _between(ends: tuple[float, float]) -> dict[str, float]:
    return {"minimum": ends[0], "maximum": ends[1]}


SHAPES: Mapping[str, str] = {
    "ConvertOptions": "What may be asked beyond format and quality; the rest stays as it was.",
    "ChapterMark": "Where a chapter begins; it ends where the next one begins.",
    "MediaInfo": "What is known of an audio file; what is not known is null.",
    "Progress": "The newest state of a job: the same in polling and in every event.",
    "JobError": "Why a job failed.",
    "JobRecord": "The whole record of a job.",
    "Result": "One result file, and what became of tags, cover and chapters.",
    "OutputSummary": "One finished result, in short.",
    "UploadView": "An upload: what has arrived of it.",
    "OpenRequest": "What is to be uploaded.",
    "BeginRequest": "What is to be uploaded; Uppy's other members are not needed.",
    "CompleteRequest": "The parts that make the file.",
    "Accepted": "A job, and where to follow it.",
    "Wanted": "One result of several.",
    "Cover": "A picture in a file.",
    "Chapter": "A named part of a file.",
    "Webhook": "Whom to tell of the job's end, and how that went.",
    "Report": "What became of everything but the sound.",
    "LoudnessReport": "What was done about the loudness (EBU R128).",
}

MEMBERS: Mapping[str, Mapping[str, str]] = {
    "ConvertBody": {
        "fileId": "The upload to convert.",
        "format": "What to convert to; or else `outputs`.",
        "quality": "A preset (`voice`, `small`, `standard`, `high`, `max`), a bitrate (`192k`) or a"
        " VBR level (`V2`, `q5`), as the format has them.",
        "options": "What to do besides.",
        "outputs": "Several results of one upload, decoded once; instead of `format`.",
        "preview": "Convert the first 15 seconds only.",
        "peaks": "Tell the peaks of source and results, for waveforms.",
        "webhookUrl": "Is told of the job's end.",
        "deleteAfterDownload": "Delete job and upload once every result was downloaded whole.",
    },
    "Wanted": {
        "format": "What to convert to.",
        "quality": "As in the body.",
        "options": "What to do besides.",
    },
    "ConvertOptions": {
        "sampleRate": "Hz, as the format can.",
        "channels": "1 to the format's most: mixes down or up.",
        "bitDepth": "16, 24 or 32 (float), as the format can.",
        "trimStart": "Seconds of the source.",
        "trimEnd": "Seconds of the source.",
        "fadeIn": "Seconds, of what was kept.",
        "fadeOut": "Seconds, of what was kept.",
        "loudness": "Bring it to this loudness (EBU R128).",
        "metadata": 'Sets tags; null or "" removes one, the others stay.',
        "stripMetadata": "Keep none of the source's tags.",
        "cover": "`keep`, `remove`, or a JPEG or PNG as `data:image/…;base64,…`.",
        "chapters": "`keep`, `remove`, or the chapters themselves.",
        "split": "One result for each chapter.",
    },
    "Loudness": {"targetLufs": "Integrated, in LUFS.", "truePeakDb": "No peak above, in dBTP."},
    "ChapterMark": {"start": "Seconds of the result.", "title": "Its name."},
    "OpenRequest": {
        "fileName": "Its name; only ever shown.",
        "fileSize": "Bytes.",
        "chunkSize": "Bytes; 5 to 64 MiB.",
    },
    "UploadView": {
        "fileId": "Names the upload. Keep it to yourself.",
        "fileName": "The name, made harmless.",
        "size": "Bytes; null while it is not known.",
        "chunkSize": "Bytes of every chunk but the last.",
        "totalChunks": "How many chunks make the file.",
        "received": "The indexes of the stored chunks: `0-1,3`.",
        "complete": "Whether all of it is there.",
        "expiresAt": "When it is deleted (RFC 3339).",
        "media": "What a quick look tells.",
    },
    "MediaInfo": {
        "duration": "Seconds.",
        "sampleRate": "Hz.",
        "bitDepth": "Bits; null for lossy codecs.",
        "bitrate": "bit/s.",
    },
    "Accepted": {
        "jobId": "Names the job. Keep it to yourself.",
        "status": "`created`, or further on where it is a repeat.",
        "progressUrl": "To poll.",
        "eventsUrl": "To be told (Server-Sent Events).",
        "downloadUrl": "The result, once it is there.",
    },
    "Progress": {
        "stage": "What is being done to it.",
        "progress": "0 to 100 and never back; -1 once failed or cancelled.",
        "revision": "Rises with every change; also the ETag.",
        "attempt": "How often it was begun.",
        "startTime": "Milliseconds since 1970.",
        "currentTime": "How far it is in the audio, HH:MM:SS.cc.",
        "totalDuration": "How long the audio is, HH:MM:SS.cc.",
        "estimatedTimeRemaining": "Seconds.",
        "speed": "Multiples of real time.",
        "queuePosition": "How many jobs are served up to this one; 0 while it runs.",
        "awaits": "What it waits for beside its turn: the end of its upload.",
        "error": "Why it failed; else null.",
        "outputs": "The results, once they are there.",
    },
    "JobError": {
        "code": "Stable: for programs.",
        "message": "For people.",
        "httpStatus": "The status that stands for it.",
        "retryable": "Whether the same job may succeed when tried again.",
        "detail": "ffmpeg's last words.",
    },
    "JobRecord": {
        "wanted": "All results that are asked for, the first one first.",
        "media": "What the source is.",
        "outputs": "The results.",
        "warnings": "What its owner should know of the source.",
        "follows": "Whether it was accepted while its upload was open.",
        "awaits": "What it waits for beside its turn: the end of its upload.",
    },
    "Result": {
        "media": "As read back from the finished file.",
        "report": "What became of each tag, the cover and the chapters, and why.",
        "warnings": "What its owner should know.",
        "loudness": "Before and after, where it was asked for.",
    },
    "Expected": {"size": "Bytes, typically.", "duration": "Seconds."},
    "Problem": {
        "code": "Stable: for programs.",
        "error": "What failed and what would work: for people.",
        "detail": "The same, as RFC 9457 names it.",
        "requestId": "Names the request in our logs.",
        "retryAfter": "Seconds, where waiting helps.",
    },
}

LIMITS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "ConvertBody": {
        "fileId": _ID,
        "format": _FORMAT,
        "outputs": {"minItems": 1, "maxItems": MAX_OUTPUTS},
        "webhookUrl": {"format": "uri"},
    },
    "Wanted": {"format": _FORMAT},
    "ConvertOptions": {
        "channels": {"minimum": 1, "maximum": 8},
        "bitDepth": {"enum": [16, 24, 32]},
        "trimStart": _TIME,
        "trimEnd": _TIME,
        "fadeIn": _FADE,
        "fadeOut": _FADE,
        "metadata": {"maxProperties": MAX_TAGS},
    },
    "Loudness": {
        "targetLufs": _between(LOUDNESS_RANGE),
        "truePeakDb": _between(TRUE_PEAK_RANGE),
    },
    "ChapterMark": {"start": _TIME, "title": {"maxLength": MAX_TITLE}},
    "OpenRequest": {"fileSize": {"minimum": 1}},
    "Progress": {"progress": {"minimum": -1, "maximum": 100}},
}
