"""A sign of life for a watch from outside, since an installation that is dead cannot tell so.

Two ways: an address that is asked after each look at everything (`beat`), whose silence says that no look is made; and
when the last look was (`is_alive`), for who asks.
"""

from __future__ import annotations

import logging
from collections import Counter
from urllib.parse import urlsplit

import requests

from chartline.alerts import rules
from chartline.alerts.webhooks import TIMEOUT
from chartline.sessions import Session
from chartline.settings import Settings
from chartline.soundcharts.redaction import hide
from chartline.warehouse import alerts, watermarks
from chartline.warehouse.connect import Connection

log = logging.getLogger(__name__)

FAILING = (rules.FAILED_RUN, rules.OVERDUE, rules.QUOTA, rules.QUARANTINE, rules.CREDENTIALS)
"""Open alerts of these kinds say that data does not come as it should; the others can wait for a person."""


def looked(conn: Connection) -> None:
    """Everything was looked at now."""
    watermarks.advance(conn, watermarks.LOOK)


def is_alive(conn: Connection, settings: Settings) -> bool:
    """Whether everything was looked at within `alive_minutes`."""
    seconds = watermarks.seconds_since(conn, watermarks.LOOK)
    return seconds is not None and seconds < 60 * settings.alive_minutes


def beat(conn: Connection, settings: Settings) -> bool:
    """Ask the address: as it is while all is well, else with `/fail` behind it, and by how many alerts of which kind as
    the body. Whether it answered well; True where none is set. Raises nothing for its sake: its own silence is the
    alarm."""
    if not settings.heartbeat_url:
        return True
    address = settings.heartbeat_url.rstrip("/")
    hide(address, urlsplit(address).path.strip("/"))
    kinds = Counter(alert.kind for alert in alerts.of_kinds(conn, FAILING).values())
    told = ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items()))
    try:
        with Session() as http:
            answer = http.post(
                f"{address}/fail" if kinds else address,
                data=told.encode(),
                headers={"User-Agent": "chartline", "Content-Type": "text/plain; charset=utf-8"},
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
            )
            answer.close()
    except (requests.RequestException, ValueError) as trouble:
        log.warning("The heartbeat could not be sent: %s", type(trouble).__name__)
        return False
    if not 200 <= answer.status_code < 300:
        log.warning("The heartbeat was answered with %d", answer.status_code)
        return False
    return True
