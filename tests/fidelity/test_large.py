"""Results of many parts: early ones, the lag before an index, the held head, the moved index."""

from pathlib import Path

import pytest
from media_files import METADATA, run

from support.fidelity.bench import Bench, same_bytes
from support.fidelity.ledger import Ledger
from support.fidelity.references import LARGE, make_reference
from wavemill_common.settings import MIB

SECONDS = 1620  # at 320 kbit/s: 65 MB
SMALLEST = 40_000_000  # bytes: eight parts, as what an encoder makes of noise is its own affair
MOST_MEMORY = 64 * MIB


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise with a cover, two chapters and tags as ALAC, its index at the end."""
    folder = tmp_path_factory.mktemp("large")
    (folder / "tags").write_text(METADATA)
    run("-f", "lavfi", "-i", "testsrc=s=640x640", "-frames:v", "1", folder / "cover.png")
    noise = f"anoisesrc=d={SECONDS}:r=44100:a=0.3,pan=stereo|c0=c0|c1=c0"
    inputs: list[str | Path] = ["-f", "lavfi", "-i", noise, "-i", folder / "cover.png"]
    inputs += ["-f", "ffmetadata", "-i", folder / "tags"]
    chosen = "-map 0:a -map 1:v -map_metadata 2 -map_chapters 2 -c:v copy"
    kept = "-disposition:v attached_pic -c:a alac -sample_fmt s16p"
    run(*inputs, *chosen.split(), *kept.split(), folder / "large.m4a")
    return folder / "large.m4a"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("target", "quality"), LARGE)
async def test_a_result_of_many_parts_is_what_is_made_between_files(
    bench: Bench, large: Path, ledger: Ledger, tmp_path: Path, target: str, quality: str
) -> None:
    pair = await bench.pair(large, target, quality)
    size = pair.streamed.stat().st_size
    reference = make_reference(large, LARGE[target, quality], tmp_path / "reference")
    alike = same_bytes(pair.streamed, reference)
    ledger.references["large.m4a", f"{target} {quality}"] = pair.identical and alike
    ledger.add(
        "large",
        format=f"{target} {quality}",
        MB=round(size / 1e6),
        **{"early parts": pair.early_parts, "peak MiB": round(pair.memory_peak / MIB)},
        identical="yes" if pair.identical else "no",
        by_hand="yes" if alike else "no",
    )
    assert pair.identical
    assert alike
    assert size > SMALLEST
    assert pair.early_parts > 0
    assert pair.memory_peak <= MOST_MEMORY
