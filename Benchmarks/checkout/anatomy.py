"""Where an order's time goes: what PostgreSQL counts, what its processes wait for, how long routes take."""

import concurrent.futures
import time
from typing import NamedTuple

# A server process that has nothing to do may keep its counts to itself for so long (PostgreSQL's pgstat.c).
COUNTS_LATE_SECONDS = 11
LOOK_SECONDS = 0.1
LOOKS_SECONDS_MAX = 60
NO_STATEMENTS = "^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET |DEALLOCATE|CHECKPOINT)"


class RoleCounts(NamedTuple):
    """Of one database role, for one order."""

    statements: float  # without BEGIN, COMMIT and the like
    execution_ms: float


class Anatomy(NamedTuple):
    orders: int
    per_second: float
    roles: dict  # RoleCounts by role
    transactions: float
    wal_kb: float
    wal_syncs: float
    waits_ms: dict  # of the server's processes, for one order, by what they do or wait for
    routes: dict  # requests for one order and ms of each, by (service, route)
    statements: list  # for one order: (role, calls, ms, text), the longest first


def dissect(side, shop, database, buyers, seconds):
    """One measurement with all counters read before and after it."""
    shop.sql("CHECKPOINT", "SELECT pg_stat_statements_reset()")
    time.sleep(COUNTS_LATE_SECONDS)
    counters, routes = _counters(shop, database), shop.route_times()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        looking = pool.submit(_waits, shop, database, seconds)
        answer = side.run(buyers, seconds)
        waits = looking.result()
    later_routes = shop.route_times()
    time.sleep(COUNTS_LATE_SECONDS)
    orders = answer.orders
    transactions, wal_bytes, wal_syncs = (
        (later - before) / orders for before, later in zip(counters, _counters(shop, database)))
    found_routes = {}
    for route, (count, spent) in later_routes.items():
        before_count, before_spent = routes.get(route, (0, 0))
        if count > before_count:
            found_routes[route] = (
                (count - before_count) / orders,
                (spent - before_spent) * 1000 / (count - before_count))
    return Anatomy(
        orders, answer.per_second, _roles(shop, database, orders), transactions, wal_bytes / 1024,
        wal_syncs,
        # A number of processes that is there at all times, over the rate (Little's law).
        {name: number * 1000 / answer.per_second for name, number in waits.items()},
        found_routes, _statements(shop, database, orders))


def _counters(shop, database):
    row = shop.sql(
        "SELECT xact_commit + xact_rollback, wal_bytes, wal_sync FROM pg_stat_wal, pg_stat_database"
        f" WHERE datname = '{database}'")
    return [float(cell) for cell in row.split("|")]


def _of(database):
    """Where statements are counted; not those by which this benchmark looks at the shop."""
    return f"""
        FROM pg_stat_statements JOIN pg_roles ON pg_roles.oid = userid
        WHERE dbid = (SELECT oid FROM pg_database WHERE datname = '{database}')
          AND (rolname <> current_user OR '{database}' <> current_database())"""


def _roles(shop, database, orders):
    rows = shop.sql(
        f"SELECT rolname, sum(calls) FILTER (WHERE query !~ '{NO_STATEMENTS}'), sum(total_exec_time)"
        f"{_of(database)} GROUP BY 1 ORDER BY 1")
    cells = (line.split("|") for line in rows.splitlines())
    return {role: RoleCounts(float(calls or 0) / orders, float(spent) / orders)
            for role, calls, spent in cells}


def _statements(shop, database, orders):
    rows = shop.sql(
        f"SELECT rolname, calls, total_exec_time, regexp_replace(query, '\\s+', ' ', 'g')"
        f"{_of(database)} ORDER BY total_exec_time DESC")
    cells = (line.split("|", 3) for line in rows.splitlines())
    return [(role, float(calls) / orders, float(spent) / orders, text)
            for role, calls, spent, text in cells]


def _waits(shop, database, seconds):
    """How many of the server's processes were at work in the middle, on average, by what they did.

    Each look is a transaction of its own: a long one would keep old rows from being cleared away."""
    looks = int(min(seconds, LOOKS_SECONDS_MAX) * 0.8 / LOOK_SECONDS)
    look = f"""
        INSERT INTO seen SELECT state, wait_event_type, wait_event FROM pg_stat_activity
        WHERE datname = '{database}' AND backend_type = 'client backend'
          AND state IN ('active', 'idle in transaction') AND pid <> pg_backend_pid()"""
    rows = shop.sql(
        "CREATE TEMP TABLE seen (state text, kind text, event text)", "SELECT pg_sleep(1)",
        *[look, f"SELECT pg_sleep({LOOK_SECONDS})"] * looks,
        "SELECT state, coalesce(kind, ''), coalesce(event, ''), count(*) FROM seen GROUP BY 1, 2, 3",
        database="postgres")
    found = {}
    for line in rows.splitlines():
        if line.count("|") == 3:
            state, kind, event, number = line.split("|")
            name = _named(state, kind, event)
            found[name] = found.get(name, 0) + int(number) / looks
    return found


def _named(state, kind, event):
    if state == "idle in transaction":
        return "for the next statement of an open transaction"
    if "WAL" in event:
        return "for the write-ahead log to be on the disk"
    if kind == "Lock":
        return "for a row that another transaction holds"
    if kind == "":
        return "at work, or for a core"
    return "for something else"
