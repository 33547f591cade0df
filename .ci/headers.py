"""What detect-secrets does not know: credentials in HTTP headers, and tokens and keys that are given without quotes."""

from __future__ import annotations

import re

from detect_secrets.plugins.base import RegexBasedDetector

LONG = r"""(?=[^\s"'{}$<]*\d)[A-Za-z0-9+/_.~=-]{20,}"""


class HeaderDetector(RegexBasedDetector):  # type: ignore[misc]
    """`Authorization: Bearer …`, `x-api-key: …` and `token=…`, in code, in documents and in recorded answers."""

    secret_type = "Credential in a header or a setting"  # noqa: S105  # pragma: allowlist secret

    denylist = (
        re.compile(rf"(?i)\b(?:bearer|basic)\s+({LONG})"),
        re.compile(rf"""(?i)\bx-(?:api-key|app-id|auth-token)["']?\s*[:=,]\s*["']?({LONG})"""),
        re.compile(
            rf"""(?i)(?:password|passwd|secret|api_?key|fernet_key|token)["']?\s*[:=]\s*["']?((?=[^"'\s]*\d){LONG})"""
        ),
    )
