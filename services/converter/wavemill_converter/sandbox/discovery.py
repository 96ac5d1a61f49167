"""Discovery: which layers really hold on this machine, for this program, found by trying each."""

import asyncio
from collections.abc import Callable
from subprocess import SubprocessError

import structlog
from msgspec import Struct

from wavemill_common.settings import SandboxMode
from wavemill_converter.sandbox import landlock
from wavemill_converter.sandbox.checks import must_hold
from wavemill_converter.sandbox.layers import Layer
from wavemill_converter.sandbox.process import output_of
from wavemill_converter.sandbox.program import Program
from wavemill_converter.sandbox.sandbox import Access, Sandbox
from wavemill_converter.sandbox.syscalls import own_machine

log = structlog.get_logger(__name__)

ANSWER_TIME = 20.0  # seconds; it takes 0.1
_TRIAL = Access(seconds=ANSWER_TIME)


class SandboxMissing(Exception):
    """The settings require a sandbox, and some of its layers do not hold here."""


class Findings(Struct, frozen=True):
    """The sandbox that works, and why each of the other layers does not."""

    sandbox: Sandbox | None
    missing: dict[Layer, str]


async def contain(path: str, mode: SandboxMode) -> Sandbox | None:
    """Find the sandbox for a program; None where there is none, or none is wanted.

    Raises:
        SandboxMissing: all layers are required, and some do not hold; the message names them.
    """
    if mode is SandboxMode.OFF:
        return None
    found = await find_layers(path)
    if found.missing:
        reasons = "; ".join(f"{layer.value}: {why}" for layer, why in found.missing.items())
        if mode is SandboxMode.REQUIRE:
            raise SandboxMissing(
                f"WAVEMILL_SANDBOX=require, but {path} cannot be contained here ({reasons})"
            )
        log.warning("sandbox_incomplete", missing=reasons)
    return found.sandbox


async def find_layers(path: str, extra_reads: tuple[str, ...] = ()) -> Findings:
    """Try each layer on a program that answers `-version`, alone and then all together."""
    try:
        program = Program.of(path, extra_reads)
    except (OSError, ValueError) as error:
        return Findings(None, dict.fromkeys(Layer, str(error)))
    reasons = await asyncio.gather(*(_why_not(program, layer) for layer in Layer))
    missing = {layer: why for layer, why in zip(Layer, reasons, strict=True) if why}
    sandbox = Sandbox(program, frozenset(Layer) - frozenset(missing))
    if not sandbox.layers:
        return Findings(None, missing)
    together = await _fault(sandbox, lambda: None)
    if together:
        return Findings(None, dict.fromkeys(Layer, f"not together with the others: {together}"))
    return Findings(sandbox, missing)


async def _why_not(program: Program, layer: Layer) -> str | None:
    """Say why a layer cannot be used; None if it can."""
    if layer is Layer.FILES and not landlock.version():
        return "this kernel has no Landlock"
    if layer is Layer.NETWORK and not landlock.has_network():
        return "this kernel's Landlock knows no ports (Linux 6.7 does)"
    if layer is Layer.SECCOMP and own_machine() is None:
        return "only known for Linux on x86_64 and aarch64"
    return await _fault(Sandbox(program, frozenset({layer})), lambda: must_hold(layer))


async def _fault(sandbox: Sandbox, check: Callable[[], None]) -> str | None:
    """Run the program in a sandbox; say what went wrong."""
    with sandbox.prepared(_TRIAL) as wall:

        def enter() -> None:
            wall.close()
            check()

        try:
            code, _, err = await output_of(
                [sandbox.program.path, "-version"], seconds=ANSWER_TIME, enter=enter
            )
        except SubprocessError:
            return "the kernel refuses it, or it does not hold"
        except (OSError, TimeoutError) as error:
            return f"the program does not start in it ({error})"
    return None if code == 0 else f"the program fails in it (code {code}: {err[-200:].strip()})"
