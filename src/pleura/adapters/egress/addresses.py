"""Which hosts may be reached: written plainly, and public in every form an address can take.

Sources: the IANA special-purpose address registries (RFC 6890 and its successors), RFC 6052 (NAT64),
RFC 3056 (6to4), RFC 4380 (Teredo), RFC 6598 (shared address space), RFC 1122, RFC 8190.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address

_CLOSED_4: Final = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and the metadata service of one cloud (100.100.100.200)
        "127.0.0.0/8",
        "168.63.129.16/32",  # the platform address of Azure: public in form only
        "169.254.0.0/16",  # link-local, and the metadata services of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # IETF protocol assignments, and the metadata service of one cloud (192.0.0.192)
        "192.0.2.0/24",
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

_OPEN_6: Final = IPv6Network("2000::/3")
"""All that is assigned as global unicast; loopback, unique local, link-local, site-local, multicast,
IPv4-mapped and -compatible addresses and NAT64 (64:ff9b::/96, 64:ff9b:1::/48) lie outside."""

_CLOSED_6: Final = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # IETF protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address inside
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

_ISATAP: Final = re.compile(r"^0[02]00:5efe:")
"""The last 64 bits of an ISATAP address (RFC 5214), which hold an IPv4 address."""

_NUMBER: Final = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LONGEST_NAME: Final = 253  # RFC 1035, 2.3.4, without the dot at its end

_LOCAL_NAMES: Final = ("localhost", "local", "localdomain", "internal", "intranet", "home.arpa", "test")
"""Names that are never public (RFC 6761, RFC 6762, RFC 8375, ICANN on .internal)."""


class Denied(Exception):
    """A request that the broker does not make; *code* says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What may be reached."""

    ports: tuple[int, ...] = (80, 443)
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """Of ``host:port`` the address that is connected to, unchecked: for tests. Nothing in pleura sets it."""

    def permitted(self, host: Address | str, port: int) -> Address | None:
        """The address of an endpoint that needs no check."""
        found = self.endpoints.get(f"{host}:{port}")
        return ipaddress.ip_address(found) if found else None


def host_of(written: str) -> Address | str:
    """The address, or the name in lower case, that *written* is; raises Denied for anything else.

    An address is written in full: four decimal numbers, or IPv6 in brackets without a zone. Whatever else a
    resolver might take for an address (2130706433, 0x7f.1, 0177.0.0.1, 127.1) is refused, not understood.
    """
    if written.startswith("[") and written.endswith("]"):
        return _ipv6(written[1:-1])
    name = written.lower().removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(name)
    if not all(_LABEL.fullmatch(label) for label in labels) or len(name) > _LONGEST_NAME:
        raise Denied("host-malformed")
    return name


def _ipv4(written: str) -> IPv4Address:
    try:
        return IPv4Address(written)
    except ValueError:
        raise Denied("host-malformed") from None


def _ipv6(written: str) -> IPv6Address:
    if "%" in written:
        raise Denied("host-malformed")
    try:
        return IPv6Address(written)
    except ValueError:
        raise Denied("host-malformed") from None


def public_name(name: str) -> str:
    """*name* when it may be looked up; raises Denied for names of one machine or one network."""
    is_local = any(name == local or name.endswith(f".{local}") for local in _LOCAL_NAMES)
    if "." not in name or is_local:
        raise Denied("name-not-public")
    return name


def public_addresses(found: Iterable[str]) -> list[Address]:
    """*found* as addresses, all of them public; raises Denied.

    One that is not denies them all: a name that also points inside is meant to.
    """
    addresses = [_parsed(each) for each in found]
    if not addresses:
        raise Denied("name-unknown")
    for address in addresses:
        if not is_public(address):
            raise Denied("address-not-public")
    return addresses


def _parsed(written: str) -> Address:
    if "%" in written:  # a zone: only addresses of one link have it
        raise Denied("address-not-public")
    try:
        return ipaddress.ip_address(written)
    except ValueError:
        raise Denied("address-not-public") from None


def is_public(address: Address) -> bool:
    """Whether *address* belongs to the public internet in every form that it may hide."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in closed for closed in _CLOSED_4)
    interface = address.exploded[20:]
    return (
        address in _OPEN_6
        and not any(address in closed for closed in _CLOSED_6)
        and not _ISATAP.match(interface)
    )
