"""The ways to tell people, as the settings name them: signed webhooks and Airflow's own notifiers.

Their secrets are in Airflow's connections; nothing is read before something is to be told.
"""

from __future__ import annotations

import inspect
import json
import re
import time
from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

from airflow.configuration import conf
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, BaseNotifier
from airflow.sdk.log import redact

from chartline.alerts import telling
from chartline.alerts.message import as_html, as_text, headline
from chartline.alerts.webhooks import Outcome, Webhook
from chartline.errors import BadInput
from chartline.settings import Settings

NOTIFIERS = "CHARTLINE_ALERT_NOTIFIERS"

TEXTS = {
    "subject": "{{ alert.headline }}",
    "title": "{{ alert.headline }}",
    "html_content": "{{ alert.html }}",
    "text": "{{ alert.text }}",
    "message": "{{ alert.text }}",
    "content": "{{ alert.text }}",
    "body": "{{ alert.text }}",
}
"""What a notifier is given where its settings do not say: by the names that notifiers use."""


def channels(settings: Settings) -> dict[str, telling.Channel]:
    """All channels, by name. Notifiers whose settings cannot be read are one channel that says so at each attempt: the
    webhooks are told all the same."""
    webhooks: dict[str, telling.Channel] = {name: ByWebhook(name) for name in webhook_names(settings)}
    try:
        return webhooks | _notifiers(settings, taken=webhooks)
    except BadInput as refused:
        return webhooks | {NOTIFIERS: Unreadable(refused.what)}


def webhook_names(settings: Settings) -> list[str]:
    """The connections of `CHARTLINE_ALERT_WEBHOOKS`."""
    return list(dict.fromkeys(name.strip() for name in settings.alert_webhooks.split(",") if name.strip()))


def base_url() -> str:
    """Of Airflow's pages, for links."""
    return str(conf.get("api", "base_url", fallback="") or "").rstrip("/")


class ByWebhook:
    """An Airflow connection: host is the address, password the secret that messages are signed with."""

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id

    def send(self, message: Mapping[str, Any], number: str) -> Outcome:
        """See `chartline.alerts.telling.Channel`."""
        try:
            connection = BaseHook.get_connection(self.conn_id)
        except AirflowNotFoundException:
            return Outcome(False, error=f"The Airflow connection {self.conn_id} is missing.")
        except Exception as error:  # whatever a secrets backend raises, the others are still told
            return Outcome(False, error=f"The Airflow connection {self.conn_id} cannot be read: {_what(error)}")
        return Webhook(_address(connection), connection.password or "").send(message, number)


class Unreadable:
    """What stands for channels that the settings do not name rightly."""

    def __init__(self, why: str) -> None:
        self.why = why

    def send(self, message: Mapping[str, Any], number: str) -> Outcome:
        """See `chartline.alerts.telling.Channel`."""
        return Outcome(False, error=self.why)


class ByNotifier:
    """A notifier class of Airflow or one of its providers. Its texts are templates over `alert`."""

    def __init__(self, path: str, kwargs: Mapping[str, Any]) -> None:
        self.path, self.kwargs = path, kwargs

    def send(self, message: Mapping[str, Any], number: str) -> Outcome:
        """See `chartline.alerts.telling.Channel`."""
        began = time.monotonic()
        try:
            notifier = self._notifier()
            notifier({"alert": self._texts(message)})
        except Exception as error:  # whatever a provider raises, the others are still told
            return Outcome(False, _since(began), error=_what(error), away=isinstance(error, OSError))
        return Outcome(True, _since(began))

    def _notifier(self) -> BaseNotifier:
        module, _, name = self.path.rpartition(".")
        made = getattr(import_module(module), name)
        if not (isinstance(made, type) and issubclass(made, BaseNotifier)):
            raise TypeError(f"{self.path} is not a notifier")
        accepted = inspect.signature(made).parameters
        texts = {key: text for key, text in TEXTS.items() if key in accepted}
        return made(**texts | dict(self.kwargs))

    def _texts(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """The alert for templates: the message itself, and its texts. To Slack `<` opens a command."""
        text = as_text(message)
        if ".slack." in self.path:
            text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        texts = {"headline": headline(message), "text": text, "html": as_html(message)}
        return {**message["alert"], "event": message["event"], "link": message.get("link", ""), **texts}


def _address(connection: Any) -> str:
    host = str(connection.host or "").strip()
    if host and "://" not in host:
        scheme = connection.schema or connection.conn_type
        host = f"{scheme if scheme in ('http', 'https') else 'https'}://{host}"
        host = f"{host}:{connection.port}" if connection.port else host
    return host


def _notifiers(settings: Settings, taken: Collection[str]) -> dict[str, telling.Channel]:
    by_name: dict[str, telling.Channel] = {}
    for given in _given(settings):
        name = str(given.get("name") or str(given["class"]).rpartition(".")[2])
        if name in by_name or name in taken:
            raise _refused(f"two channels are called {name}: give one a name of its own")
        by_name[name] = ByNotifier(given["class"], given.get("kwargs") or {})
    return by_name


def _given(settings: Settings) -> list[dict[str, Any]]:
    if not settings.alert_notifiers.strip():
        return []
    try:
        given = json.loads(settings.alert_notifiers)
    except ValueError:
        raise _refused("it is not JSON") from None
    if not isinstance(given, list):
        raise _refused("it is not a list")
    for one in given:
        if not isinstance(one, dict) or "." not in str(one.get("class") or ""):
            raise _refused('an entry has no "class", such as airflow.providers.smtp.notifications.smtp.SmtpNotifier')
        if not isinstance(one.get("kwargs") or {}, dict) or set(one) - {"name", "class", "kwargs"}:
            raise _refused('an entry holds more than "name", "class" and "kwargs", an object')
    return given


_ADDRESS = re.compile(r"""https?://(?:[^\s/@]*@)?([\w.:\[\]-]*)[^\s'"<>]*|(?<=url: )/[^\s'"<>]*""")


def _what(error: Exception) -> str:
    """An error without a secret: those that Airflow knows, and all of an address but its host, which often is one."""
    return str(redact(_ADDRESS.sub(r"\1/…", f"{type(error).__name__}: {error}")))


def _refused(why: str) -> BadInput:
    return BadInput(
        f"The environment variable {NOTIFIERS} is refused: {why}.",
        field=NOTIFIERS,
        advice='Write it as [{"class": "…", "kwargs": {…}}].',
    )


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
