"""A copy of the shop of the benchmark's own: started by `shopctl up`, gone at the end."""

import json
import os
import re
import shlex
import signal
import subprocess
import time
import urllib.parse
import urllib.request

from command import say
from document import ROOT
from processes import Failed, cpu_seconds, family, family_cpu_seconds, output
from workshop import postgres_program

SHOPCTL = os.path.join(ROOT, ".build", "release", "shopctl")
# What would make it another's copy, or more talkative than a shop is.
FOREIGN_SETTINGS = ["DATABASE_URL", "KEYS_DIRECTORY", "METRICS_TOKEN", "LOG_LEVEL", "FAULTS_ENABLED"]
UP_SECONDS_MAX, DOWN_SECONDS_MAX, SQL_SECONDS_MAX, VERIFY_SECONDS_MAX = 240, 120, 120, 240
ANSWER_SECONDS_MAX, SETTLE_SECONDS = 10, 1
# How long `verify` waits until nothing moves.
REST_SECONDS = 120


class Shop:
    """Five services, a PostgreSQL that counts statements, and Consul.

    - Raises: Failed when it cannot be started, or one runs there already."""

    def __init__(self, ports_from, deadline):
        self._deadline = deadline
        self._copy = ["--ports-from", str(ports_from)]
        for name in FOREIGN_SETTINGS:
            os.environ.pop(name, None)
        os.environ["SHOP_ROOT"] = ROOT
        if not os.path.exists(SHOPCTL):
            raise Failed("the shop is not built; `./shop bench checkout` does that")
        if json.loads(self._told("status", "--json").stdout)["services"]:
            raise Failed(
                "there is a copy already, perhaps of a run that was killed: "
                + shlex.join(["./shop", "down", "--data", *self._copy]))
        try:
            self._start()
        except BaseException:
            self.remove()
            raise

    def _start(self):
        self.shopctl("up", seconds_max=UP_SECONDS_MAX)
        self._look()
        counter = "pg_stat_statements"
        known = f"SELECT count(*) FROM pg_available_extensions WHERE name = '{counter}'"
        if self.sql(known) != "1":
            raise Failed(f"this PostgreSQL lacks {counter}; install its contrib package")
        # The server has to be started with it.
        self.sql(f"ALTER SYSTEM SET shared_preload_libraries = '{counter}'")
        self.shopctl("down", seconds_max=DOWN_SECONDS_MAX)
        self.shopctl("up", seconds_max=UP_SECONDS_MAX)
        self._look()
        self.sql(f"CREATE EXTENSION {counter}")

    def _look(self):
        """Finds its processes, addresses and folders."""
        status = json.loads(self.shopctl("status", "--json"))
        self.pids = {found["name"]: found["pid"] for found in status["services"]}
        if status.get("consul"):
            self.pids["consul"] = status["consul"]["pid"]
        self._urls = {found["name"]: found["url"] for found in status["services"]}
        state = os.path.dirname(status["logs"])
        with open(os.path.join(state, "run", "plan.json")) as file:
            plan = json.load(file)
        self._admin = urllib.parse.urlsplit(plan["adminURL"])
        self.database = self._admin.path.removeprefix("/")
        self.postgres_log = os.path.join(plan["databasePath"], "postgres.log")
        with open(os.path.join(plan["databasePath"], "data", "postmaster.pid")) as file:
            self._postmaster = int(file.readline())

    def remove(self):
        """Ends it and removes its data, keys and logs; a second Ctrl-C does not stop that."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        told = self._told("down", "--data", "--yes")
        if told.returncode != 0:
            say(f"the copy was not removed: {told.stderr.strip()}")

    # What it is asked.

    def shopctl(self, *arguments, seconds_max=60):
        """What the tool prints; Failed when it fails."""
        return output(
            [SHOPCTL, *arguments, *self._copy], self._deadline.within(seconds_max), ROOT)

    def _told(self, *arguments):
        """As `shopctl`, whether it fails or not, and whatever is left of the time."""
        return subprocess.run(
            [SHOPCTL, *arguments, *self._copy], cwd=ROOT, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=DOWN_SECONDS_MAX, start_new_session=True)

    def verify(self):
        """What `verify` says, once nothing moves any more.

        - Raises: Failed when an invariant is violated."""
        try:
            return self.shopctl("verify", "--wait", str(REST_SECONDS), seconds_max=VERIFY_SECONDS_MAX)
        except Failed as failed:
            raise Failed(f"the shop does not hold what it promises: {failed}") from None

    @property
    def environment(self):
        """What PostgreSQL's programs need to enter as its superuser."""
        return {
            "PGHOST": self._admin.hostname, "PGPORT": str(self._admin.port),
            "PGUSER": self._admin.username, "PGDATABASE": self.database,
            "PGPASSWORD": urllib.parse.unquote(self._admin.password)}

    def postgres(self, name, *arguments, seconds_max=SQL_SECONDS_MAX, environment=None):
        """What one of PostgreSQL's programs prints."""
        return output(
            [postgres_program(name), *arguments], self._deadline.within(seconds_max), ROOT,
            {**self.environment, **(environment or {})})

    def sql(self, *statements, database=None):
        """The rows of the last statement as psql prints them: a line each, `|` between cells."""
        commands = [word for statement in statements for word in ("-c", statement)]
        target = ["-d", database] if database else []
        return self.postgres(
            "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *target, *commands).strip()

    def post(self, service, path, body, fields):
        """- Returns: the status and the answer's object."""
        request = urllib.request.Request(
            self._urls[service] + path, json.dumps(body).encode(),
            {"Content-Type": "application/json", **fields})
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:
            return answer.status, json.load(answer)

    def route_times(self):
        """Requests answered and the seconds that they took, by service and route, since the start."""
        pattern = re.compile(
            r'^http_request_duration_seconds_(sum|count)\{method="(\w+)",route="([^"]+)"\} (\S+)$',
            re.MULTILINE)
        found = {}
        for service, url in self._urls.items():
            with urllib.request.urlopen(url + "/metrics", timeout=ANSWER_SECONDS_MAX) as answer:
                text = answer.read().decode()
            for kind, method, route, value in pattern.findall(text):
                found.setdefault((service, f"{method} {route}"), {})[kind] = float(value)
        return {route: (told["count"], told["sum"]) for route, told in found.items()}

    def let_settle(self):
        """Until what one order brings about behind its customer's back is done, most likely."""
        time.sleep(SETTLE_SECONDS)

    # What it uses.

    def server_pids(self):
        """PostgreSQL's processes."""
        return family(self._postmaster)

    def cpu(self):
        """CPU seconds since the start: of each service by its name, of PostgreSQL as a whole, and of
        its processes by the role or the duty that their titles tell."""
        used = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
        if gone := [name for name, seconds in used.items() if seconds is None]:
            raise Failed(f"{gone[0]} has ended by itself; its log is at {self._copy}")
        used["postgres"] = family_cpu_seconds(self._postmaster)
        titles = {}
        for pid in family(self._postmaster):
            title, seconds = _title(pid), cpu_seconds(pid)
            if title and seconds is not None:
                titles[title] = titles.get(title, 0) + seconds
        return used, titles


def _title(pid):
    """`order_app` of "postgres: order_app ecommerce_db 127.0.0.1(4711) idle"; a duty such as
    `walwriter`; None for the first process."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().decode(errors="replace").replace("\0", " ").split()
    except OSError:
        return None
    return words[1] if words and words[0] == "postgres:" else None
