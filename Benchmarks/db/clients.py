"""The clients of the comparison: how each is had, and one run of it."""

import json
import os
import re
from typing import Callable, NamedTuple

from cluster import PRODUCTS
from document import ROOT
from processes import Failed, output, version
from workshop import Skipped, postgres_program, tool

HERE = os.path.dirname(os.path.abspath(__file__))
CALLERS = 64
PIPELINE = 16
POOL = 8  # connections of pgx and asyncpg
START_SECONDS_MAX = 20
COLUMNS = "id, name, slug, description, status, version, created_at"


class Scenario(NamedTuple):
    name: str
    title: str
    is_read: bool


READS = [
    Scenario("item", "one product by its id", True),
    Scenario("list", "the 20 products after an id", True),
]
ORDERS = [
    Scenario("order-round-trips", "transaction, each statement awaited", False),
    Scenario("order-pipelined", "transaction, its statements sent at once", False),
    Scenario("order-statement", "one statement", False),
]


class Run(NamedTuple):
    """What a client tells of one measurement."""

    operations: int
    all_operations: int  # with those before the clock started
    per_second: float
    p50_us: float  # None where it tells none
    p99_us: float
    cpu_us: float  # None where it tells none


class Client(NamedTuple):
    # From the scenario, the seconds, the environment and the deadline to a Run.
    run: Callable
    made_with: str
    # Opens and closes its connections, which `run` has no way to leave out of the CPU that it takes.
    only_connect: Callable = None


class Recipe(NamedTuple):
    name: str
    title: str
    prepare: Callable


def reporting(command, made_with, form=""):
    """A client that takes --scenario and --seconds and prints a line of JSON. `form` is put behind a
    scenario's name."""

    def run(scenario, seconds, environment, deadline):
        words = [*command, "--scenario", scenario.name + form, "--seconds", str(seconds)]
        text = output(words, deadline.within(seconds + START_SECONDS_MAX), HERE, environment)
        try:
            told = json.loads(text.splitlines()[-1])
        except (ValueError, IndexError):
            raise Failed(f"no figures from {os.path.basename(command[-1])}: {text[-300:]}") from None
        if told["operations"] == 0:
            raise Failed(f"{os.path.basename(command[-1])} did nothing in {scenario.name}")
        return Run(
            told["operations"], told["operations"] + told["warm_up_operations"],
            told["per_second"], told["p50_us"], told["p99_us"], told["cpu_us"])

    return Client(run, made_with)


def driver(form):
    def prepare(_workshop):
        program = os.path.join(ROOT, ".build", "release", "bench-database")
        if not os.path.exists(program):
            raise Failed("bench-database is not built; `./shop bench db` does that")
        # As `./shop up` and the containers start the services.
        command = ["env", "GLIBC_TUNABLES=glibc.malloc.tcache_count=127", program]
        return reporting(command, f"Swift {version([tool('swift'), '--version'])}", form)

    return prepare


def pgbench(clients, pipeline):
    """`clients` connections in one thread; `pipeline` statements are sent at once on each."""

    def prepare(workshop):
        program = postgres_program("pgbench")

        def pgbench_run(scenario, length, seconds, environment, deadline):
            path = workshop.path(f"{scenario.name}-{pipeline}.sql")
            with open(path, "w") as file:
                file.write(script(scenario, pipeline))
            return output(
                [program, "-n", "-M", "prepared", "-f", path, "-c", str(clients), "-j", "1",
                 *length], deadline.within(seconds + START_SECONDS_MAX), HERE, environment)

        def only_connect(scenario, environment, deadline):
            pgbench_run(scenario, ["-t", "1"], 0, environment, deadline)

        def run(scenario, seconds, environment, deadline):
            text = pgbench_run(scenario, ["-T", str(seconds)], seconds, environment, deadline)
            done = re.search(r"transactions actually processed: (\d+)", text)
            rate = re.search(r"^tps = ([\d.]+)", text, re.MULTILINE)
            if not done or not rate:
                raise Failed(f"no figures from pgbench: {text[-300:]}")
            operations = int(done[1]) * pipeline
            return Run(operations, operations, float(rate[1]) * pipeline, None, None, None)

        return Client(run, f"pgbench {version([program, '--version'])}", only_connect)

    return prepare


def script(scenario, pipeline):
    if scenario.name == "item":
        query = (f"\\set id random(1, {PRODUCTS})\n"
                 f"SELECT {COLUMNS} FROM products WHERE id = :id;\n")
    else:
        query = (f"\\set id random(0, {PRODUCTS - 20})\n"
                 f"SELECT {COLUMNS} FROM products WHERE id > :id ORDER BY id LIMIT 20;\n")
    return query if pipeline == 1 else f"\\startpipeline\n{query * pipeline}\\endpipeline\n"


def pgx(workshop):
    compiler, program = tool("go"), workshop.path("bench-db-pgx")
    sources = "/usr/share/gocode"
    if not os.path.isdir(os.path.join(sources, "src/github.com/jackc/pgx/v4")):
        raise Skipped("golang-github-jackc-pgx-v4-dev is not installed")
    # Debian's sources, which lie in a GOPATH of their own: nothing is loaded.
    environment = {
        "GO111MODULE": "off", "GOPATH": sources, "GOTOOLCHAIN": "local", "GOPROXY": "off",
        "GOFLAGS": "", "GOCACHE": workshop.path("go-cache")}
    workshop.build(
        [compiler, "build", "-o", program, "."], os.path.join(HERE, "go"), environment)
    made_with = f"pgx {_debian_version('golang-github-jackc-pgx-v4-dev')} with Go "
    return reporting([program], made_with + version([compiler, "version"]))


def asyncpg(workshop):
    folder = workshop.path("asyncpg")
    python = os.path.join(folder, "bin", "python3")
    requirements = os.path.join(HERE, "requirements.txt")
    try:
        if not os.path.exists(python):
            workshop.build([tool("python3"), "-m", "venv", folder])
        workshop.build([python, "-m", "pip", "install", "-q", "-r", requirements])
    except Failed as failed:  # its packages come from elsewhere
        raise Skipped(f"it was not installed: {failed}") from None
    with open(requirements) as file:
        versions = [line.strip().replace("==", " ") for line in file]
    made_with = f"{', '.join(versions)} with Python {version([python, '--version'])}"
    return reporting([python, os.path.join(HERE, "asyncpg_client.py")], made_with)


def _debian_version(package):
    return version(["dpkg-query", "-W", "-f", "${Version}", package])


RECIPES = [
    Recipe("driver", "the shop's driver", driver("")),
    Recipe("in-place", "the shop's driver, read in place", driver("-in-place")),
    Recipe("pgbench", "pgbench, one in flight", pgbench(CALLERS, 1)),
    Recipe("pipeline", "pgbench, pipeline of 16", pgbench(CALLERS // PIPELINE, PIPELINE)),
    Recipe("pgx", "Go, pgx", pgx),
    Recipe("asyncpg", "Python, asyncpg", asyncpg),
]
