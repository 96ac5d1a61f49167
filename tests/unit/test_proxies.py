"""Only what our own proxies wrote into X-Forwarded-For is believed."""

import pytest

from wavemill_gateway.access.proxies import client_address

PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "proxies", "client"),
    [
        ([], 0, PEER),
        (["203.0.113.7"], 0, PEER),
        (["203.0.113.7"], 1, "203.0.113.7"),
        (["6.6.6.6, 203.0.113.7"], 1, "203.0.113.7"),
        (["6.6.6.6", "203.0.113.7"], 1, "203.0.113.7"),
        (["6.6.6.6, 203.0.113.7, 10.0.0.9"], 2, "203.0.113.7"),
        (["6.6.6.6,203.0.113.7"], 3, PEER),
        ([], 1, PEER),
        (["203.0.113.7:4711"], 1, "203.0.113.7"),
        (["2001:db8::1"], 1, "2001:db8::1"),
        (["[2001:db8::1]"], 1, "2001:db8::1"),
        (["[2001:db8::1]:443"], 1, "2001:db8::1"),
        (["unknown"], 1, PEER),
        (["6.6.6.6, "], 1, PEER),
        (["6.6.6.6, 203.0.113.7 evil"], 1, PEER),
        (["203.0.113.7, _hidden"], 1, PEER),
    ],
)
def test_the_entry_that_our_outermost_proxy_wrote_is_the_client(
    forwarded: list[str], proxies: int, client: str
) -> None:
    assert client_address(PEER, forwarded, proxies) == client
