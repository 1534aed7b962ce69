"""What the benchmark of checkouts writes."""

import statistics

import document
from processes import version
from workshop import tool

GOAL = 0.4
SIDES = {"shop": "the shop", "pgbench": "pgbench"}
# A service, and the roles by which it and its provider are in the database.
ROLES = {
    "order": ["order_app"], "product": ["product_app"], "payment": ["payment_app", "psp_sim"],
    "notification": ["notification_app"], "user": ["user_app"]}


def text(title, rounds, bodies, options, rows, server):
    """Everything between the marks of docs/benchmarks.md."""
    others = [m.others for measured in rounds for pair in measured.values() for m in pair.values()]
    rounds_told = f"medians of {len(rounds)} rounds" if len(rounds) > 1 else "one round"
    parts = [
        f"{title}: {rounds_told} of {options.seconds} s.\n"
        f"{document.machine()}; PostgreSQL {server}, Swift {version([tool('swift'), '--version'])}.\n"
        f"Other programs took {statistics.median(others):.0%} of the cores meanwhile, "
        f"{max(others):.0%} at worst.{_late(rounds)}",
        "### Orders, and what each costs", _orders(rounds, options.buyers),
        f"### CPU of one order, {options.buyers[0]} buyers", _cpu(rounds, options.buyers[0], bodies),
        f"### What a customer waits for, {options.buyers[0]} buyers", _routes(bodies["shop"]),
        f"### What PostgreSQL does for one order, {options.buyers[0]} buyers",
        _work(bodies, rows)]
    return "\n\n".join(parts)


def _late(rounds):
    late = sum(m.late for measured in rounds for pair in measured.values() for m in pair.values())
    if not late:
        return ""
    return f" Not counted: {late} orders that took longer than their buyers are let wait."


def _orders(rounds, buyers):
    def row(number, side):
        def median(of):
            return statistics.median(of(measured[number][side]) for measured in rounds)

        over = goal = by_cpu = ""
        if side == "shop":
            pairs = [measured[number] for measured in rounds]
            ratio = statistics.median(
                pair["shop"].per_second / pair["pgbench"].per_second for pair in pairs)
            cpu_ratio = statistics.median(
                _all_cpu(pair["pgbench"], "pgbench") / _all_cpu(pair["shop"], "shop")
                for pair in pairs)
            over, goal, by_cpu = f"{ratio:.2f}", f"{GOAL:.2f}", f"{cpu_ratio:.2f}"
        return (
            f"{SIDES[side]}, {number} buyers", f"{median(lambda m: m.per_second):,.0f}", over, goal,
            by_cpu, f"{median(lambda m: m.p50_ms):.1f}", f"{median(lambda m: m.p99_ms):.1f}",
            f"{median(_services):.2f}" if side == "shop" else "-",
            f"{median(lambda m: m.cpu_ms['postgres']):.2f}",
            f"{median(lambda m: m.client_ms):.2f}")

    return document.table(
        ["", "orders/s", "over pgbench", "goal", "by CPU", "p50 ms", "p99 ms", "services CPU ms",
         "PostgreSQL CPU ms", "client CPU ms"],
        [row(number, side) for number in buyers for side in SIDES])


def _services(measurement):
    return sum(spent for name, spent in measurement.cpu_ms.items() if name != "postgres")


def _all_cpu(measurement, side):
    """pgbench stands for the customers as well; the shop's are not part of the shop."""
    if side == "shop":
        return _services(measurement) + measurement.cpu_ms["postgres"]
    return measurement.client_ms + measurement.cpu_ms["postgres"]


def _cpu(rounds, buyers, bodies):
    measured = [each[buyers]["shop"] for each in rounds]

    def median(of):
        return statistics.median(map(of, measured))

    def of_roles(m, roles):
        return sum(m.titles_ms.get(role, 0) for role in roles)

    rows = []
    for service, roles in ROLES.items():
        counts = [bodies["shop"].roles[role] for role in roles if role in bodies["shop"].roles]
        rows.append((
            service, f"{median(lambda m: m.cpu_ms[service]):.2f}",
            f"{median(lambda m: of_roles(m, roles)):.2f}",
            f"{sum(found.statements for found in counts):.1f}",
            f"{sum(found.execution_ms for found in counts):.2f}"))
    if "consul" in measured[0].cpu_ms:
        rows.append(("Consul", f"{median(lambda m: m.cpu_ms['consul']):.2f}", "-", "-", "-"))
    known = [role for roles in ROLES.values() for role in roles]
    rest = median(lambda m: m.cpu_ms["postgres"] - of_roles(m, known))
    rows.append(("PostgreSQL's own processes", "-", f"{rest:.2f}", "-", "-"))
    rows.append((
        "all", f"{median(_services):.2f}", f"{median(lambda m: m.cpu_ms['postgres']):.2f}",
        f"{sum(found.statements for role, found in bodies['shop'].roles.items() if role in known):.1f}",
        f"{sum(found.execution_ms for role, found in bodies['shop'].roles.items() if role in known):.2f}"
    ))
    return document.table(
        ["", "its own CPU ms", "CPU ms of its connections", "statements", "executing ms"], rows)


def _routes(body):
    """Routes that every order comes by; long polls are nobody's wait."""
    found = sorted(
        (service, route, number, spent) for (service, route), (number, spent) in body.routes.items()
        if number >= 0.5 and not route.endswith("/internal/events"))
    whole = next((spent for _, route, _, spent in found if route == "POST /orders"), 0)
    called = [one for one in found if one[1] != "POST /orders"]
    rows = [("order: POST /orders, from the whole request to the answer", "1.0", f"{whole:.2f}")]
    rows += [
        (f"of it, {service}: {route}", f"{number:.1f}", f"{number * spent:.2f}")
        for service, route, number, spent in called]
    left = whole - sum(number * spent for _, _, number, spent in called)
    rows.append(
        ("of it, all else: the order service's transactions, and the ways", "", f"{left:.2f}"))
    return document.table(["", "requests", "ms of one order"], rows)


def _work(bodies, rows):
    shop, pgbench = bodies["shop"], bodies["pgbench"]
    lines = [("rows added before the customer is answered", str(rows), str(rows))]

    def line(name, of, digits=1):
        lines.append((name, f"{of(shop):.{digits}f}", f"{of(pgbench):.{digits}f}"))

    line("statements, without BEGIN and COMMIT", lambda body: sum(
        found.statements for role, found in body.roles.items()))
    line("transactions, those that only read included", lambda body: body.transactions)
    line("KiB of write-ahead log", lambda body: body.wal_kb)
    line("fsyncs of it", lambda body: body.wal_syncs, 2)
    waits = sorted(
        shop.waits_ms.keys() | pgbench.waits_ms.keys(), key=lambda name: -shop.waits_ms.get(name, 0))
    for name in waits:
        # "at work" and "for ..." are what its processes are at.
        line(f"ms of its processes {'' if name.startswith('at') else 'waiting '}{name}",
             lambda body: body.waits_ms.get(name, 0), 2)
    return document.table(["", *SIDES.values()], lines)


def longest_statements(body, number):
    rows = [(statement[:100], role, f"{calls:.2f}", f"{spent:.3f}")
            for role, calls, spent, statement in body.statements[:number]]
    return document.table(["statement", "role", "calls", "ms"], rows)
