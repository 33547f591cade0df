"""What Airflow shows of the connection type `soundcharts`: a form with fields of its own."""

from __future__ import annotations

from typing import Any

from chartline import __version__


def get_provider_info() -> dict[str, Any]:
    """The entry point `apache_airflow_provider`."""
    return {
        "package-name": "chartline",
        "name": "Soundcharts",
        "description": "The Soundcharts API, as Chartline asks it",
        "versions": [__version__],
        "connection-types": [
            {
                "connection-type": "soundcharts",
                "hook-name": "Soundcharts",
                "hook-class-name": "chartline_airflow.hook.SoundchartsHook",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": {
                        "host": "Address of the API",
                        "login": "App id or client id",
                        "password": "API key or client secret",
                    },
                    "placeholders": {"host": "https://customer.api.soundcharts.com"},
                },
                "conn-fields": {
                    "auth": {
                        "label": "Kind of credentials",
                        "description": "keys: app id and API key; oauth: client id and client secret",
                        "schema": {"type": "string", "enum": ["keys", "oauth"], "default": "keys"},
                    },
                    "team_id": {
                        "label": "Team",
                        "description": "Only with oauth: the id of the team that pays for the calls",
                        "schema": {"type": ["string", "null"]},
                    },
                    "calls_per_minute": {
                        "label": "Calls a minute",
                        "description": "The account's limit, over all processes. Empty: as in the settings",
                        "schema": {"type": ["integer", "null"], "minimum": 1},
                    },
                    "connections": {
                        "label": "Connections",
                        "description": "Kept open side by side by one task. Empty: as in the settings",
                        "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 64},
                    },
                    "token_url": {
                        "label": "Address of tokens",
                        "description": "Only with oauth, where not Soundcharts' own: a host of CHARTLINE_API_HOSTS",
                        "schema": {"type": ["string", "null"]},
                    },
                },
            }
        ],
    }
