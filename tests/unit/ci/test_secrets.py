""".ci/secrets.py: finds each kind of secret, in a file of the product and in a test; .ci/run shows that the
repository holds none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chartline.places import REPOSITORY

SEARCH = REPOSITORY / ".ci" / "secrets.py"

# Put together here, so that this file holds none.
RANDOM = "q7Zr2Xw9" + "Lk4Vt8Bn3Hs6Mc1P"
SAMPLES = {
    "api-key.py": f'api_key = "{RANDOM}"',
    "api-key.yaml": f"api_key: {RANDOM}",
    "bearer.md": f"curl -H 'Authorization: Bearer {RANDOM}' https://example.org",
    "header.py": f'headers = {{"x-api-key": "{RANDOM}"}}',
    "login-in-address.py": f'url = "https://someone:{RANDOM}@db.example.org/chartline"',
    "key.pem": "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIEow\n-----END RSA PRIVATE" + " KEY-----",
    "aws.env": "AWS_ACCESS_KEY_ID=" + "AKIA" + "J5QWERT7ZXCVB2MN",
    "slack.yaml": "hook: https://hooks.slack.com/services/" + "T0A1B2C3D/B4E5F6G7H/" + RANDOM,
    "password.py": f'password = "{RANDOM}"',
    "password.env": f"WAREHOUSE_PASSWORD={RANDOM}",
    "token.json": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + "." + RANDOM * 2,
    "github.sh": "export GH=ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8",  # pragma: allowlist secret
    "fernet.env": "FERNET_KEY=" + RANDOM + RANDOM[:19] + "=",
}


def search(*paths: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SEARCH, *paths], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("folder", ["include", "tests"])
def test_each_kind_of_secret_is_found_and_not_repeated(tmp_path: Path, folder: str) -> None:
    for name, text in SAMPLES.items():
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# nothing\n{text}\n")
    done = search(*sorted((tmp_path / folder).iterdir()))
    assert done.returncode == 1
    assert {Path(line.partition(":")[0]).name for line in done.stdout.splitlines()} == SAMPLES.keys()
    assert all(line.partition(":")[2].startswith("2: looks like: ") for line in done.stdout.splitlines())
    assert RANDOM not in done.stdout + done.stderr


def test_what_is_made_up_passes_in_tests_alone(tmp_path: Path) -> None:
    for folder, code in (("tests", 0), ("include", 1)):
        path = tmp_path / folder / "made_up.py"
        path.parent.mkdir()
        path.write_text('password = "wrong-key-9876"\n')
        assert search(path).returncode == code
    path.write_text('password = "wrong-key-9876"  # pragma: allowlist secret\n')
    assert search(path).returncode == 0


def test_a_search_of_nothing_is_no_success(tmp_path: Path) -> None:
    assert search().returncode == 2
    assert search(tmp_path).returncode == 2


def test_the_sums_of_npm_s_lock_are_none_and_what_else_is_in_it_may_be(tmp_path: Path) -> None:
    lock = tmp_path / "package-lock.json"
    line = f'      "integrity": "sha512-{RANDOM * 3}{RANDOM[:14]}==",\n'
    lock.write_text(line)
    assert search(lock).returncode == 0
    lock.write_text(line.replace("integrity", "token"))
    assert search(lock).returncode == 1
