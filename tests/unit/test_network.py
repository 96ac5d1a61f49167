"""One visitor counts as one, from whichever of their addresses they call."""

import pytest

from wavemill_gateway.access.network import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("/run/wavemill.sock", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_address_is_counted_as_what_one_visitor_holds(address: str | None, network: str) -> None:
    assert network_of(address) == network
