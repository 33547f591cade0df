"""Where credentials may go: Soundcharts' own hosts, this machine, and the hosts that a setting names.

A connection can be edited by many people, the settings only by whoever runs Chartline: so a changed host cannot take
the stored key with it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

VENDOR_DOMAIN = "soundcharts.com"
SETTING = "CHARTLINE_API_HOSTS"

_LABEL = r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
_ADDRESS = re.compile(
    rf"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[0-9a-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~-]+)*)/?",
    re.IGNORECASE | re.ASCII,
)
_PORTS = {"https": 443, "http": 80}


class Unusable(ValueError):
    """An address that credentials are not sent to; its text says why, `advice` what to do."""

    def __init__(self, why: str, advice: str) -> None:
        self.why, self.advice = why, advice
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Address:
    """A web address in its plainest form: scheme, host in lower case, port (None: the scheme's own), path."""

    scheme: str
    host: str
    port: int | None
    path: str

    @classmethod
    def read(cls, text: str) -> Address:
        """https where no scheme is given, no slash at the end. Raises `Unusable` for anything but those four parts."""
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise Unusable(
                "is not a web address",
                "Write it as https://host or https://host:port: no blanks, no login, nothing after the path.",
            )
        scheme, host = (match["scheme"] or "https").lower(), match["host"].lower()
        port = int(match["port"]) if match["port"] else None
        segments = match["path"].split("/")
        if scheme not in _PORTS or (port is not None and not 0 < port < 65536) or {".", ".."} & set(segments):
            raise Unusable("is not a web address", "Write it as https://host or https://host:port.")
        if host.startswith("[") and _ip(host) is None:
            raise Unusable("is not a web address", "Write it as https://host or https://host:port.")
        return cls(scheme, host, None if port == _PORTS[scheme] else port, match["path"])

    @property
    def netloc(self) -> str:
        """Host and port."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """As text, without a slash at the end."""
        return f"{self.scheme}://{self.netloc}{self.path}"

    @property
    def is_vendor(self) -> bool:
        """Whether it is one of Soundcharts' own."""
        return self.host == VENDOR_DOMAIN or self.host.endswith(f".{VENDOR_DOMAIN}")

    @property
    def is_this_machine(self) -> bool:
        """Whether it never leaves the machine."""
        ip = _ip(self.host)
        return self.host == "localhost" or (ip is not None and ip.is_loopback)

    @property
    def is_at_home(self) -> bool:
        """Whether the name can only be one of a private network: a container's, or a private number."""
        ip = _ip(self.host)
        return ip.is_private if ip is not None else "." not in self.host


def check(address: Address, allowed: str) -> None:
    """Raises `Unusable` unless credentials may go there. allowed: the setting, hosts with commas between.

    An entry is `host` or `host:port`, for https; `http://host:port` only for a name or number of a private network.
    """
    if address.is_this_machine:
        return
    if address.is_vendor:
        if address.scheme != "https":
            raise Unusable("is http, and Soundcharts is https only", "Write https:// instead.")
        if address.port is not None:
            raise Unusable("names a port that Soundcharts does not serve", "Leave the port out.")
        return
    named = (address.scheme, address.netloc)
    if named in {(one.scheme, one.netloc) for one in hosts(allowed)}:
        return
    if address.scheme != "https":
        raise Unusable("is http: credentials would go in clear over the network", "Write https:// instead.")
    raise Unusable(
        "is neither Soundcharts nor this machine, so no credentials go there",
        f"If it is right, whoever runs Chartline adds its host to {SETTING}.",
    )


def hosts(allowed: str) -> list[Address]:
    """The entries of the setting. Raises `ValueError` with the entry that is none."""
    entries = []
    for entry in filter(None, (part.strip() for part in allowed.split(","))):
        try:
            address = Address.read(entry)
        except Unusable as wrong:
            raise ValueError(f"{entry!r} {wrong.why}") from None
        if address.path:
            raise ValueError(f"{entry!r} holds more than a host and a port")
        if address.scheme == "http" and not (address.is_at_home or address.is_this_machine):
            raise ValueError(f"{entry!r} is http, which only a private network's own names may be")
        entries.append(address)
    return entries


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
