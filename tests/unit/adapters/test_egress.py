"""What the egress broker refuses before it opens a socket."""

from __future__ import annotations

import base64
from ipaddress import IPv4Address, IPv6Address

import pytest
from tests.fakes.hostile_hosts import HOSTILE_HOSTS, HOSTILE_TARGETS, PUBLIC_ADDRESSES

from pleura.adapters.egress.addresses import Denied, host_of, is_public, public_addresses, public_name
from pleura.adapters.egress.request import parsed


def check(host: str) -> None:
    """What the broker does with a host that it need not look up."""
    found = host_of(host)
    if isinstance(found, str):
        public_name(found)
    else:
        public_addresses([str(found)])


def test_there_are_at_least_sixty_hostile_forms() -> None:
    assert len(set(HOSTILE_HOSTS)) + len(set(HOSTILE_TARGETS)) >= 60


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
def test_a_hostile_host_is_denied(host: str) -> None:
    with pytest.raises(Denied):
        check(host)


@pytest.mark.parametrize("target", HOSTILE_TARGETS)
def test_a_hostile_target_is_denied(target: str) -> None:
    with pytest.raises(Denied):
        parsed(f"GET {target} HTTP/1.1\r\n\r\n".encode("latin-1"))


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_a_public_address_is_reached(address: str) -> None:
    assert [str(each) for each in public_addresses([address])] == [address]


def test_no_part_of_the_ipv4_space_that_is_not_public_is_open() -> None:
    """Every /16, seen from both ends: what the standard library calls private is closed here as well."""
    for top in range(1 << 16):
        for low in (1, (1 << 16) - 2):
            address = IPv4Address((top << 16) + low)
            assert not is_public(address) or (address.is_global and not address.is_multicast)


def test_an_ipv6_address_that_carries_a_private_ipv4_address_is_closed() -> None:
    inside = int(IPv4Address("10.0.0.1"))
    for prefix, shift in (("::ffff:0:0", 0), ("::", 0), ("64:ff9b::", 0), ("64:ff9b:1::", 0), ("2002::", 80)):
        assert not is_public(IPv6Address(int(IPv6Address(prefix)) | inside << shift))


def test_one_address_that_is_not_public_denies_a_name_that_has_public_ones_too() -> None:
    with pytest.raises(Denied, match="address-not-public"):
        public_addresses(["1.1.1.1", "10.0.0.1"])


def test_a_name_without_addresses_is_unknown() -> None:
    with pytest.raises(Denied, match="name-unknown"):
        public_addresses([])


def test_a_name_is_looked_up_in_one_spelling() -> None:
    assert host_of("WWW.Example.ORG.") == "www.example.org"


def test_a_request_is_sent_on_in_origin_form_with_the_host_that_was_checked() -> None:
    head = (
        b"GET http://example.org/a?b=c HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: keep-alive, X-Hop\r\n"
        b"X-Hop: 1\r\nProxy-Authorization: Basic "
        + base64.b64encode(b"pleura:s")
        + b"\r\nAccept: */*\r\n\r\n"
    )

    request = parsed(head)

    assert (request.host, request.port, request.tunnel) == ("example.org", 80, False)
    assert request.head == (
        b"GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nAccept: */*\r\n\r\n"
    )


def test_a_tunnel_names_its_port() -> None:
    request = parsed(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n")

    assert (request.host, request.port, request.tunnel) == ("example.org", 443, True)
    with pytest.raises(Denied):
        parsed(b"CONNECT example.org HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    "fields",
    [
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x10\r\n",
        b"Bad Header: 1\r\n",
        b"Folded: 1\r\n 2\r\n",
        b"Lonely\nLine: 1\r\n",
        b": nameless\r\n",
        b"Null: \x00\r\n",
    ],
)
def test_a_head_that_two_readers_could_read_differently_is_refused(fields: bytes) -> None:
    with pytest.raises(Denied):
        parsed(b"POST http://example.org/ HTTP/1.1\r\n" + fields + b"\r\n")
