"""Whether an IP address is public: what data name must not reach what only this machine can."""

from __future__ import annotations

import ipaddress

_INSIDE = tuple(
    map(
        ipaddress.ip_network,
        (
            "168.63.129.16/32",  # Azure's own services, seen from its machines
            "192.0.0.0/24",  # IETF protocols; Oracle's metadata
            "192.88.99.0/24",  # relays into 6to4 (RFC 7526)
            "64:ff9b::/96",  # an IPv4 address inside (RFC 6052)
            "64:ff9b:1::/48",  # the same, locally (RFC 8215)
            "::/96",  # the same (RFC 4291)
            "::ffff:0:0:0/96",  # the same (RFC 2765)
            "fec0::/10",  # site-local (RFC 3879)
            "3fff::/20",  # examples (RFC 9637)
            "5f00::/16",  # segment routing (RFC 9602)
            "100::/32",  # discarded, and dummies (RFC 6666, 9780)
        ),
    )
)
# The interface part that carries an IPv4 address through a tunnel (RFC 5214).
_ISATAP = {0x0000_5EFE, 0x0200_5EFE}


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public Internet, and no way around into another."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        # Tunnels that carry an IPv4 address inside (RFC 3056, 4380).
        if found.sixtofour is not None or found.teredo is not None:
            return False
        if (int(found) >> 32) & 0xFFFF_FFFF in _ISATAP:
            return False
    if any(found in network for network in _INSIDE if network.version == found.version):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved
