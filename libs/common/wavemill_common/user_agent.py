"""How our calls to AWS, or to what stands in for it, name us."""

from typing import Final

USER_AGENT: Final = "wavemill"  # botocore's own is put together anew for each call: a tenth of it
