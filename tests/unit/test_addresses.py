"""Webhooks go to the public internet, and nowhere into our own network."""

import pytest

from wavemill_common.addresses import PublicResolver, check_webhook_url, is_private
from wavemill_common.errors import InvalidWebhook


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.9", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "localhost", "printer.local", "api.internal",
    ],
)  # fmt: skip
def test_an_address_of_our_own_network_is_private(host: str) -> None:
    assert is_private(host)


@pytest.mark.parametrize("host", ["93.184.216.34", "2606:2800:220:1::1", "example.org"])
def test_a_public_address_or_a_name_is_not(host: str) -> None:
    assert not is_private(host)


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org/hook", "ftp://example.org/", "file:///etc/passwd", "http://",
        "http://user:secret@example.org/", "http://127.0.0.1/", "http://[::1]:80/",
        "http://example.org:99999/", "http://[bad", "http://example.org/" + "x" * 2048,
    ],
)  # fmt: skip
def test_a_url_that_leads_nowhere_good_is_refused(url: str) -> None:
    with pytest.raises(InvalidWebhook):
        check_webhook_url(url, allow_private=False)


def test_a_private_address_is_allowed_where_the_operator_says_so() -> None:
    check_webhook_url("http://127.0.0.1:9000/hook", allow_private=True)


async def test_a_name_that_resolves_to_a_private_address_is_refused_at_connection() -> None:
    resolver = PublicResolver(allow_private=False)
    with pytest.raises(InvalidWebhook, match="public"):
        await resolver.resolve("localhost", 80)
