"""Sounds of every loudness, and what a meter that is none of ours says of them."""

from pathlib import Path
from typing import Any

import media_files
import numpy as np
import pyloudnorm

from support.audio import generate

Samples = np.ndarray[Any, np.dtype[np.float64]]
_FINER = 8  # times the rate at which peaks between samples are looked for
_BLOCK = 4096  # samples

_LFE = 3  # the meter knows no channel of that kind, and it does not count
_SURROUND = 6
_VOICE = "pow(0.5+0.5*sin(2*PI*3.1*t)\\,4)*gt(sin(2*PI*0.23*t)\\,-0.4)"

SOUNDS = {
    "quiet": "anoisesrc=d=12:c=pink:a=0.5:seed=1:r=44100,pan=stereo|c0=c0|c1=c0,volume=-32dB",
    "loud": "anoisesrc=d=12:c=pink:a=0.9:seed=2:r=44100,volume=14dB,alimiter=limit=0.9:level=0,"
    "pan=stereo|c0=c0|c1=c0",
    "speech": f"anoisesrc=d=16:c=pink:a=0.5:seed=3:r=48000,volume='{_VOICE}':eval=frame,"
    "highpass=f=120,lowpass=f=5000,pan=stereo|c0=c0|c1=c0",
    "silences": "anoisesrc=d=24:c=pink:a=0.4:seed=4:r=44100,"
    "volume='lt(mod(t\\,12)\\,4)':eval=frame,pan=stereo|c0=c0|c1=0.7*c0",
    "mono": "anoisesrc=d=12:c=brown:a=0.3:seed=5:r=44100",
    "surround": "aevalsrc=0.2*sin(440*2*PI*t)|0.15*sin(330*2*PI*t)|0.3*(random(0)-0.5)|"
    "0.5*sin(50*2*PI*t)|0.2*(random(1)-0.5)|0.2*(random(2)-0.5):c=5.1:s=48000:d=10",
    "clipped": "aevalsrc=clip(3*sin(220*2*PI*t)*sin(2*PI*t/3)\\,-1\\,1)|"
    "clip(3*sin(331*2*PI*t)\\,-1\\,1):s=44100:d=10",
    "short": "anoisesrc=d=2:c=pink:a=0.4:seed=6:r=44100,pan=stereo|c0=c0|c1=c0",
    "sine": "sine=f=997:r=48000:d=10,pan=stereo|c0=c0|c1=c0",
    "dynamic": "anoisesrc=d=30:c=pink:a=0.9:seed=7:r=44100,"
    "volume='pow(10\\,-2.2*(1-mod(t\\,10)/10))':eval=frame,aeval=val(0)*(1+3*gt(random(1)\\,0.9999)),pan=stereo|c0=c0|c1=c0",
    "phone": "anoisesrc=d=10:c=pink:a=0.5:seed=8:r=8000",
    "fast": "aevalsrc=0.3*sin(1000*2*PI*t)*random(0)|0.3*(random(1)-0.5):s=96000:d=8",
}


def make_sound(folder: Path, name: str) -> Path:
    """Write one of the sounds as 24-bit WAV."""
    return generate(folder / f"{name}.wav", SOUNDS[name], "-c:a", "pcm_s24le")


def samples_of(path: Path, channels: int) -> Samples:
    """All samples of a file, by channel."""
    words = ("-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1")
    raw = media_files.run("-i", path, *words)
    return np.frombuffer(raw, dtype=np.float32).reshape(-1, channels).astype(np.float64)


def loudness_of(samples: Samples, rate: int) -> float:
    """Integrated loudness in LUFS."""
    heard = np.delete(samples, _LFE, axis=1) if samples.shape[1] == _SURROUND else samples
    return float(pyloudnorm.Meter(rate).integrated_loudness(heard))


def true_peak_of(samples: Samples) -> float:
    """The highest peak between samples too, in dBTP: of the spectrum, at eight times the rate."""
    peaks = [_highest(block) for channel in samples.T for block in _blocks(channel)]
    return float(20 * np.log10(max(peaks)))


def _highest(block: Samples) -> float:
    finer = np.fft.irfft(np.fft.rfft(block * np.hanning(len(block))), len(block) * _FINER) * _FINER
    window = np.fft.irfft(np.fft.rfft(np.hanning(len(block))), len(block) * _FINER) * _FINER
    middle = slice(len(finer) // 4, 3 * len(finer) // 4)
    return float(np.abs(finer[middle] / window[middle]).max())


def _blocks(channel: Samples) -> list[Samples]:
    padded = np.pad(channel, _BLOCK)
    return [padded[at : at + _BLOCK] for at in range(0, len(padded) - _BLOCK, _BLOCK // 2)]
