"""A PostgreSQL server of the benchmark's own: reached by a Unix socket alone, gone at the end."""

import contextlib
import os
import pwd
import shutil
import signal
import tempfile
import time

from processes import Failed, Server, output
from workshop import postgres_program

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA_PATH = os.path.join(HERE, "schema.sql")
USER, DATABASE = "bench", "shop"
PRODUCTS = 100_000
START_SECONDS_MAX, LOAD_SECONDS_MAX, QUIET_SECONDS_MAX = 30, 120, 10
# A commit is on the disk before it is answered (the defaults, named because they matter). What the others
# may vary with (vacuuming, checkpoints in the middle of a round, compilation) is kept out.
SETTINGS = {
    "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
    "listen_addresses": "", "shared_buffers": "256MB", "max_connections": "100",
    "autovacuum": "off", "jit": "off", "checkpoint_timeout": "30min", "max_wal_size": "8GB",
}


class Cluster:
    """- Raises: Failed when it cannot be made."""

    def __init__(self, deadline):
        self._deadline = deadline
        # /tmp may be memory, where durable means nothing.
        self.folder = tempfile.mkdtemp(prefix="shop-bench-db.", dir="/var/tmp")
        self._server = None
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self):
        data, user = os.path.join(self.folder, "data"), None
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            user = "postgres"
            owner = pwd.getpwnam(user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        as_user = ["setpriv", "--reuid", user, "--regid", user, "--init-groups"] if user else []
        output(
            [*as_user, postgres_program("initdb"), "-D", data, "-A", "trust", "-U", USER, "-E", "UTF8",
             "--locale=C"], self._deadline.within(START_SECONDS_MAX), self.folder)
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        self._server = Server(
            "PostgreSQL", [postgres_program("postgres"), "-D", data, "-k", self.folder, *options], None, None,
            {}, os.path.join(self.folder, "log"), user, signal.SIGINT)
        self._wait_until_it_answers()
        self.psql("-d", "postgres", "-c", f"CREATE DATABASE {DATABASE}")
        self.psql("-v", f"products={PRODUCTS}", "-f", SCHEMA_PATH)
        self._quiet_count = len(self._server.pids())

    @property
    def environment(self):
        """What clients that use libpq's variables, or DATABASE_URL, need."""
        return {
            "PGHOST": self.folder, "PGUSER": USER, "PGDATABASE": DATABASE, "PGPORT": "5432",
            "DATABASE_URL": f"postgresql://{USER}@/{DATABASE}?host={self.folder}&sslmode=disable"}

    def psql(self, *arguments):
        command = [postgres_program("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", *arguments]
        return output(
            command, self._deadline.within(LOAD_SECONDS_MAX), environment=self.environment).strip()

    def empty_orders(self):
        """So that each measurement of orders begins alike, with its log written out."""
        self.psql("-c", "TRUNCATE orders, order_lines, outbox", "-c", "CHECKPOINT")

    def version(self):
        return self.psql("-c", "SHOW server_version").split()[0]

    def cpu_seconds(self):
        """Of all its processes; waits until those of the last client have ended."""
        end = time.monotonic() + self._deadline.within(QUIET_SECONDS_MAX)
        while len(self._server.pids()) > self._quiet_count:
            self._server.check_that_it_runs()
            if time.monotonic() > end:
                raise Failed(f"a client's connection is still there after {QUIET_SECONDS_MAX} s")
            time.sleep(0.01)
        return self._server.cpu_seconds()

    def stop(self):
        if self._server:
            self._server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_until_it_answers(self):
        end = time.monotonic() + self._deadline.within(START_SECONDS_MAX)
        while time.monotonic() < end:
            self._server.check_that_it_runs()
            with contextlib.suppress(Failed):
                self.psql("-d", "postgres", "-c", "SELECT 1")
                return
            time.sleep(0.05)
        raise Failed(f"PostgreSQL does not answer after {START_SECONDS_MAX} s")
