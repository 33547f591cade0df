"""From the Airflow connection `soundcharts` to the client that asks the API."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.providers.http.hooks.http import HttpHook
from airflow.sdk.log import mask_secret
from requests import Session
from requests_toolbelt.adapters.socket_options import TCPKeepAliveAdapter

from chartline.domain import ranges
from chartline.errors import ChartlineError, CredentialsRefused, NotConfigured, NotInPlan, QuotaSpent, TryLater
from chartline.operating.conditions.account import REFUSED
from chartline.settings import Settings, settings
from chartline.soundcharts.account import CONNECTION, OUR_EXTRAS, ApiAccount
from chartline.soundcharts.client import SoundchartsClient
from chartline.soundcharts.endpoints import TEAM_USAGE
from chartline.soundcharts.limiter import Limiter, NoLimiter
from chartline.soundcharts.redaction import REDACTION
from chartline.wording import counted


class SoundchartsHook(HttpHook):
    """The Soundcharts account of an Airflow connection of type soundcharts, or http.

    Host, login, password and our extras (`auth`, `team_id`, `token_url`, `calls_per_minute`, `connections`) make the
    account; the HTTP provider's options (`verify`, `proxies`, `cert`, `trust_env`, `timeout`) shape its sessions.
    """

    conn_type = "soundcharts"
    conn_name_attr = "soundcharts_conn_id"
    default_conn_name = CONNECTION
    hook_name = "Soundcharts"

    def __init__(self, soundcharts_conn_id: str = CONNECTION) -> None:
        super().__init__(method="GET", http_conn_id=soundcharts_conn_id)

    @cached_property
    def account(self) -> ApiAccount:
        """The account. Raises `NotConfigured`, naming the connection and the field that is missing or wrong."""
        connection = self._connection()
        account = ApiAccount.from_connection(
            self._host(connection), connection.login, connection.password, connection.extra_dejson
        )
        REDACTION.tell(mask_secret)  # the client hides what it signs with, tokens too: Airflow's logs follow
        return account

    def client(self, limiter: Limiter) -> SoundchartsClient:
        """A client of the account, to be closed when done; the limiter is closed with it."""
        return SoundchartsClient(
            self.account, limiter=limiter, session_factory=self.get_conn, settings=self._settings()
        )

    def get_conn(self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None) -> Session:
        """A session with the connection's options and no credentials: the client signs each request.

        Its adapters are its own, as one session serves one thread.
        """
        session: Session = super().get_conn(headers, extra_options)
        for scheme in ("http://", "https://"):
            session.mount(scheme, TCPKeepAliveAdapter())
        return session

    def test_connection(self) -> tuple[bool, str]:
        """Asks for the team's usage, which is not billed. Returns whether it went well and what to tell a person."""
        try:
            with self.client(NoLimiter()) as client:
                answer = client.get(TEAM_USAGE)
        except ChartlineError as error:
            return False, _plain(error)
        left = answer.calls[-1].quota_left
        rest = "" if left is None else f" {counted(left, 'call is', 'calls are')} left in this billing cycle."
        return True, f"Soundcharts accepts the credentials.{rest}"

    # -- the provider's own machinery, without our fields ---------------------------------------------------------

    def _extract_auth(self, connection: Any) -> None:
        """No HTTP Basic: login and password are keys, or buy a token."""

    def _configure_session_from_extra(
        self, session: Session, connection: Any, extra_options: dict[str, Any]
    ) -> Session:
        """Every extra that the provider does not know becomes a header there: ours must not."""
        configured: Session = super()._configure_session_from_extra(session, connection, extra_options)
        for name in OUR_EXTRAS:
            configured.headers.pop(name, None)
        return configured

    def _connection(self) -> Any:
        try:
            return self.get_connection(self.http_conn_id)
        except AirflowNotFoundException:
            raise NotConfigured(
                f"The Airflow connection {self.http_conn_id} is missing.",
                advice="Add it under Admin > Connections (type Soundcharts), or set AIRFLOW_CONN_SOUNDCHARTS.",
            ) from None

    @staticmethod
    def _host(connection: Any) -> str:
        host = str(connection.host or "").rstrip("/")
        if host and "://" not in host and connection.schema in ("http", "https"):
            host = f"{connection.schema}://{host}"
        return f"{host}:{connection.port}" if host and connection.port else host

    def _settings(self) -> Settings:
        """The process's settings; `timeout` of the connection, in seconds, goes before them."""
        given = self._connection().extra_dejson.get("timeout")
        if given is None:
            return settings()
        try:
            connect, read = given if isinstance(given, list | tuple) else (given, given)
            asked = {
                "connect_timeout": ranges.CONNECT_SECONDS.clamp(float(connect)),
                "read_timeout": ranges.READ_SECONDS.clamp(float(read)),
            }
        except (TypeError, ValueError):
            asked = {}
        if not asked or not all(seconds > 0 for seconds in asked.values()):  # nan is not
            raise NotConfigured(
                f"The connection {self.http_conn_id} cannot be used: extra.timeout is not a number of seconds above 0.",
                advice="Correct it or leave it out.",
            )
        return settings().model_copy(update=asked)


def _plain(error: ChartlineError) -> str:
    """What is wrong, for the person who pressed Test."""
    if isinstance(error, CredentialsRefused):
        return f"{REFUSED}. {error}"
    if isinstance(error, NotInPlan):
        return f"The credentials are accepted, but not for this. {error}"
    if isinstance(error, QuotaSpent):
        return f"The credentials are accepted, but no call is left. {error}"
    if isinstance(error, TryLater):
        return f"Soundcharts cannot be reached now, so nothing is known of the credentials. {error}"
    return str(error)
