"""The two that are compared: the shop with its buyers, and pgbench with the same statements."""

import glob
import json
import os
import re
import shutil
import statistics
import tempfile
from typing import NamedTuple

from capture import buy
from processes import Failed, busy_seconds, children_seconds

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.join(HERE, "checkout.sql")
DATABASE = "pgbench_checkout"
SCHEMAS = ["orders", "product", "payment", "sim"]
START_SECONDS_MAX = 30
STOCK = 1_000_000
# Its server processes are new in each run: what they do first (plans, their caches) is not measured.
PGBENCH_WARM_UP_SECONDS = 6


class Measurement(NamedTuple):
    orders: int
    per_second: float
    p50_ms: float
    p99_ms: float
    late: int  # checkouts that were not done within what the shop lets a customer wait
    client_ms: float  # CPU of the client for one order
    cpu_ms: dict  # CPU for one order, by service, and of PostgreSQL as `postgres`
    titles_ms: dict  # CPU for one order of PostgreSQL's processes, by their titles
    others: float  # the share of all cores that other programs used


class Answer(NamedTuple):
    orders: int
    per_second: float
    p50_ms: float
    p99_ms: float
    late: int


class Buyers:
    """The shop: buyers who buy as guests, each beginning the next checkout when the last is answered."""

    name = "shop"

    def __init__(self, shop):
        self._shop = shop

    def receive_stock(self):
        self._load(1, 1, "--stock", str(STOCK))

    def run(self, buyers, seconds):
        """- Raises: Failed when a checkout was answered otherwise than by a confirmed order or that it
        takes longer, or the database knows of fewer confirmed ones than buyers do."""
        told = self._load(buyers, seconds)
        confirmed, late = (told["outcomes"].get(kind, 0) for kind in ("confirmed", "running"))
        if confirmed == 0 or confirmed + late != told["purchases"]:
            raise Failed(f"not all orders were confirmed: {told['outcomes']}, {told['troubles']}")
        kept = int(self._shop.sql(
            "SELECT count(*) FROM orders.orders WHERE state = 'confirmed'"
            f" AND starts_with(idem_key, '{told['run']}-')"))
        if not confirmed <= kept <= confirmed + late:
            raise Failed(f"{confirmed} buyers were told of a confirmed order, and there are {kept}")
        latency = told["confirmedLatency"]
        return Answer(
            confirmed, confirmed / told["tookSeconds"], latency["p50"], latency["p99"], late)

    def _load(self, buyers, seconds, *more):
        text = self._shop.shopctl(
            "load", "--back-to-back", "--buyers", str(buyers), "--seconds", str(seconds), "--json",
            *more, seconds_max=seconds + START_SECONDS_MAX)
        return json.loads(text)


class Pgbench:
    """The statements of a checkout, in a database that began as a copy of the shop's."""

    name = "pgbench"

    def __init__(self, shop):
        self._shop = shop
        self._products = int(shop.sql("SELECT count(*) FROM product.products"))
        shop.sql(f"CREATE DATABASE {DATABASE}")
        with tempfile.TemporaryDirectory(prefix="shop-bench-") as folder:
            dump = os.path.join(folder, "dump.sql")
            shop.postgres("pg_dump", "-f", dump)
            shop.postgres(
                "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", DATABASE, "-o", os.devnull, "-f", dump)
        shop.sql("ANALYZE", database=DATABASE)

    def run(self, buyers, seconds):
        """The rate and the quantiles of what ended after the warm-up; `orders` are all of them."""
        length = PGBENCH_WARM_UP_SECONDS + seconds
        orders, taken = self._pgbench(
            buyers, "-T", str(length), seconds_max=length + START_SECONDS_MAX)
        begin = min(end - spent / 1000 for end, spent in taken) + PGBENCH_WARM_UP_SECONDS
        measured = [spent for end, spent in taken if begin <= end < begin + seconds]
        if len(measured) < 2:
            raise Failed(f"pgbench did {len(measured)} orders in {seconds} s")
        quantiles = statistics.quantiles(measured, n=100)
        return Answer(orders, len(measured) / seconds, quantiles[49], quantiles[98], 0)

    def run_one(self):
        self._pgbench(1, "-t", "1", seconds_max=START_SECONDS_MAX)

    def _pgbench(self, clients, *length, seconds_max):
        """Returns how many orders it did, and of each its end (epoch) and its milliseconds."""
        folder = tempfile.mkdtemp(prefix="shop-bench-")
        try:
            text = self._shop.postgres(
                "pgbench", "-n", "-M", "prepared", "-f", SCRIPT, "-D", f"products={self._products}",
                "-c", str(clients), "-j", str(min(clients, os.cpu_count())), "-l", "--log-prefix",
                os.path.join(folder, "log"), *length, DATABASE, seconds_max=seconds_max,
                environment={"PGOPTIONS": f"-c search_path={','.join(SCHEMAS)}"})
            done = re.search(r"transactions actually processed: (\d+)", text)
            if not done or "aborted" in text:
                raise Failed(f"pgbench did not do what it was told: {text[-500:]}")
            taken = []
            for path in glob.glob(os.path.join(folder, "log*")):
                with open(path) as file:
                    for line in file:
                        _client, _number, micros, _script, seconds, rest, *_ = line.split()
                        taken.append((int(seconds) + int(rest) / 1e6, int(micros) / 1000))
            return int(done[1]), taken
        finally:
            shutil.rmtree(folder)


def measure(side, shop, buyers, seconds):
    """One measurement, begun with the write-ahead log written out."""
    shop.sql("CHECKPOINT")
    cores = os.sched_getaffinity(0)
    busy, client, (cpu, titles) = busy_seconds(cores), children_seconds(), shop.cpu()
    began = os.times().elapsed
    answer = side.run(buyers, seconds)
    shop.let_settle()
    took = os.times().elapsed - began
    busy, client = busy_seconds(cores) - busy, children_seconds() - client
    later_cpu, later_titles = shop.cpu()
    used = {name: later_cpu[name] - cpu[name] for name in cpu}
    others = busy - client - sum(used.values())

    def for_one(seconds):
        return seconds * 1000 / answer.orders

    return Measurement(
        *answer, for_one(client), {name: for_one(spent) for name, spent in used.items()},
        {title: for_one(later - titles.get(title, 0)) for title, later in later_titles.items()},
        max(0, others) / took / len(cores))


def check_that_rows_agree(pgbench, shop):
    """Both buy once, and must leave as many rows in every table.

    - Returns: how many.
    - Raises: Failed when they differ: the script is of another version of the services."""

    def grown(run, database):
        before = _rows(shop, database)
        run()
        shop.let_settle()
        after = _rows(shop, database)
        return {table: after[table] - before[table] for table in after}

    from_shop = grown(lambda: buy(shop), shop.database)
    from_pgbench = grown(pgbench.run_one, DATABASE)
    if differing := sorted(
            f"{table} {from_shop[table]} and {from_pgbench[table]}"
            for table in from_shop if from_shop[table] != from_pgbench[table]):
        raise Failed(
            "a checkout of the shop and one of pgbench leave other rows: " + ", ".join(differing)
            + "; write the statements anew: ./shop bench checkout --capture")
    return sum(from_shop.values())


def _rows(shop, database):
    tables = shop.sql(
        "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN"
        f" ({', '.join(map(repr, SCHEMAS))}) ORDER BY 1", database=database).split()
    counted = " UNION ALL ".join(
        f"SELECT '{table}', count(*) FROM {table}" for table in tables)
    rows = (line.split("|") for line in shop.sql(counted, database=database).splitlines())
    return {table: int(number) for table, number in rows}
