"""Turns one real checkout, as the server logged it, into a script for pgbench.

The statements are the services' own, in their order and in their transactions. What belongs to one
order alone (ids, its key, times, its number) becomes pgbench's variables; everything else stays as it
was sent. Left out is what no customer waits for: numbering events, reading feeds, looking for work."""

import datetime
import json
import re
import time
import uuid

from processes import Failed

IDLE_SECONDS, SETTLE_SECONDS = 12, 3
PRODUCTS = (3, 7)
# Begins each entry of the log: session, user, transaction, end of the prefix.
PREFIX = "<<%p|%u|%v>>"
ENTRY = re.compile(r"<<(\d+)\|(\w*)\|([\d/]*)>>(\w+):  (.*)", re.DOTALL)
SCHEMAS = {"order_app": "orders", "product_app": "product", "payment_app": "payment", "psp_sim": "sim"}
# Work that is done for many orders at once, behind their backs.
BEHIND = re.compile(r"feed_head|consumer_offsets|dead_letters|outbox WHERE position IS NULL|NOTIFY", re.I)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00")
PARAMETER = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')(?:, |$)")

HEADER = """\
-- One checkout: two lines, a guest, paid by card. {statements} statements in {transactions} transactions.
--
-- Written by `./shop bench checkout --capture` from the log of a server (log_statement = all) while one
-- customer bought from a copy of the shop that had nothing else to do. In their order these are all statements
-- that the services and the provider simulator sent before the customer was answered, in their transactions;
-- each transaction says whose it is. Ids, key, times and number of the order are variables; products are drawn.
-- Left out is what no customer waits for: numbering events, reading feeds, notices.
--
-- pgbench awaits each statement. It runs as superuser with all schemas in its search_path, so tables that
-- several services have are named with their schema.

-- Of an order's ids, the time and what is random: all but their last two digits.
SELECT substr(t, 1, 8) || '-' || substr(t, 9, 4) || '-7' || substr(r, 16, 19) AS o
FROM (SELECT lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') AS t,
  gen_random_uuid()::text AS r) AS made \\gset
\\set a random(1, :products)
\\set b (:a + random(1, :products - 1) - 1) % :products + 1
\\set p least(:a, :b)
\\set q greatest(:a, :b)
"""


def capture(shop):
    """- Returns: the script's text. - Raises: Failed for statements that it has no way to write."""
    buy(shop)  # opens connections, prepares statements
    key = f"capture-{uuid.uuid4()}"
    shop.sql(
        f"ALTER SYSTEM SET log_line_prefix = '{PREFIX}'", "ALTER SYSTEM SET log_statement = 'all'",
        "SELECT pg_reload_conf()")
    time.sleep(1)
    before = _size(shop)
    time.sleep(IDLE_SECONDS)
    begin = _size(shop)
    bought_at = datetime.datetime.now(datetime.timezone.utc)
    order = buy(shop, key)
    end = _size(shop)
    time.sleep(SETTLE_SECONDS)
    shop.sql(
        "ALTER SYSTEM RESET log_statement", "ALTER SYSTEM RESET log_line_prefix",
        "SELECT pg_reload_conf()")
    idle = {statement.text for statement in _statements(_read(shop, before, begin))}
    transactions = _transactions(_statements(_read(shop, begin, end)), idle)
    return _Writer(shop, order, key, bought_at).script(transactions)


def buy(shop, key=None):
    """Buys one of the first of `PRODUCTS` and two of the second, as a guest.

    - Returns: the order as it is answered. - Raises: Failed unless it is confirmed."""
    key = key or f"one-{uuid.uuid4()}"
    address = {"name": "Load Buyer", "line1": "1 High Street", "city": "Springfield",
               "postalCode": "12345", "country": "US"}
    body = {
        "items": [{"productId": product, "quantity": number}
                  for number, product in enumerate(PRODUCTS, start=1)],
        "shippingAddress": address, "email": f"{key}@load.example", "paymentToken": "tok_ok"}
    _, order = shop.post(
        "order", "/orders", body, {"Idempotency-Key": key, "Prefer": "wait=10"})
    if order.get("state") != "confirmed":
        raise Failed(f"one order on its own was not confirmed: {order}")
    if [line["variantId"] for line in order["lines"]] != list(PRODUCTS):
        raise Failed("the example products' variants have other ids than they have")
    return order


# Reading the log.


class _Statement:
    def __init__(self, session, user, transaction, text):
        self.session, self.user, self.transaction, self.text = session, user, transaction, text
        self.values = []  # of its parameters, None for NULL


def _size(shop):
    with open(shop.postgres_log, "rb") as file:
        return file.seek(0, 2)


def _read(shop, begin, end):
    with open(shop.postgres_log, "rb") as file:
        file.seek(begin)
        return file.read(end - begin).decode()


def _statements(log):
    found, latest = [], {}
    for part in re.split(r"(?=<<\d+\|)", log):
        if not (entry := ENTRY.match(part)):
            continue
        session, user, transaction, level, message = entry.groups()
        # The server indents what follows the first line.
        message = message.rstrip("\n").replace("\n\t", "\n")
        said = re.match(r"(?:execute [^:]+|statement): (.*)", message, re.DOTALL)
        if level == "LOG" and said:
            latest[session] = _Statement(session, user, transaction, said[1].strip())
            found.append(latest[session])
        elif level == "DETAIL" and message.startswith("parameters: "):
            values = PARAMETER.findall(message.removeprefix("parameters: "))
            latest[session].values = [
                None if value == "NULL" else value[1:-1].replace("''", "'") for _, value in values]
    return found


def _transactions(statements, idle):
    """Those of the checkout, in the order in which they began: lists of statements."""
    grouped = {}
    for statement in statements:
        if statement.user in SCHEMAS:
            grouped.setdefault((statement.session, statement.transaction), []).append(statement)
    groups = []
    for group in grouped.values():
        # Reads of several that go to the server together are no transaction of one of them.
        is_batch = all(statement.text.startswith("SELECT") for statement in group)
        groups += [[statement] for statement in group] if is_batch else [group]

    def is_work(statement):
        return not re.match(r"(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b", statement.text)

    return [
        group for group in groups
        if not any(BEHIND.search(statement.text) for statement in group)
        and not all(statement.text in idle for statement in group if is_work(statement))]


# Writing the script.


class _Writer:
    def __init__(self, shop, order, key, bought_at):
        self._now = bought_at
        self._shared = _shared_tables(shop)
        self._ids = {}
        number = order["number"]
        # What stands for the order alone, inside other text too, and what it becomes.
        self._fixed = [
            (re.compile(re.escape(key)), lambda _: "('bench-' || :o)"),
            (UUID, self._id),
            (re.compile(rf'(?<="number": ){number}\b'), lambda _: ":number"),
            (re.compile(rf'(?<="variantId": ){PRODUCTS[0]}\b'), lambda _: ":p"),
            (re.compile(rf'(?<="variantId": ){PRODUCTS[1]}\b'), lambda _: ":q"),
        ]
        self._products = "{%d,%d}" % PRODUCTS

    def script(self, transactions):
        parts = []
        for group in transactions:
            lines = [f"-- {SCHEMAS[group[0].user]}"]
            is_open = group[0].text.startswith("BEGIN")
            # Written under one Sync they are one transaction as well.
            is_implicit = not is_open and len(group) > 1
            lines += ["BEGIN;"] * is_implicit
            lines += [self._command(statement) for statement in group]
            lines += ["COMMIT;"] * is_implicit
            parts.append("\n".join(lines))
        count = sum(map(len, transactions))
        header = HEADER.format(statements=count, transactions=len(transactions))
        return header + "\n" + "\n\n".join(parts) + "\n"

    def _command(self, statement):
        text = re.sub(
            r"\b(INTO|FROM|UPDATE|JOIN) (\w+)\b",
            lambda found: f"{found[1]} {SCHEMAS[statement.user]}.{found[2]}"
            if found[2] in self._shared else found[0], statement.text)
        values = statement.values
        text = re.sub(r"\$(\d+)", lambda found: self._value(values[int(found[1]) - 1]), text)
        text = "\n".join(line.rstrip() for line in text.split("\n") if line.strip())
        return text + (" \\gset" if text.endswith("SELECT number FROM accepted") else ";")

    def _value(self, value):
        """A parameter's value as an expression that is new for each order where it has to be."""
        if value is None:
            return "NULL"
        if value == "{}":
            return "'{}'"  # of the type that is wanted there
        if value == self._products:
            return "ARRAY[:p, :q]::bigint[]"
        if TIME.fullmatch(value):
            at = datetime.datetime.fromisoformat(value)
            seconds = round((at - self._now).total_seconds())
            return f"(now() + interval '{seconds} s')" if seconds else "now()"
        if UUID.fullmatch(value):
            return f"{self._text(value)}::uuid"
        if value.startswith("\\x"):
            return f"{_literal(value)}::bytea"
        if value.startswith("{"):
            return f"{self._text(value)}::{_type_of_braces(value)}"
        return self._text(value)

    def _text(self, value):
        pieces, at = [], 0
        while at < len(value):
            found = [(match.start(), match, make) for pattern, make in self._fixed
                     if (match := pattern.search(value, at))]
            if not found:
                break
            start, match, make = min(found, key=lambda one: one[0])
            if start > at:
                pieces.append(_literal(value[at:start]))
            pieces.append(make(match[0]))
            at = match.end()
        if at < len(value) or not pieces:
            pieces.append(_literal(value[at:]))
        text = " || ".join(pieces)
        return f"({text})" if len(pieces) > 1 else text

    def _id(self, text):
        """Ids made in this minute are the order's; others are the example shop's."""
        made = datetime.datetime.fromtimestamp(
            int(text.replace("-", "")[:12], 16) / 1000, datetime.timezone.utc)
        if abs((made - self._now).total_seconds()) > 60:
            return f"'{text}'"
        if len(self._ids) > 255 and text not in self._ids:
            raise Failed("a checkout has more ids than there are numbers for them")
        return f"(:o || '{self._ids.setdefault(text, len(self._ids)):02x}')"


def _literal(text):
    """In quotes; without what pgbench would take for a variable there."""
    pieces = re.split(r"(?<=:)(?=\w)", text.replace("'", "''"))
    return " || ".join(f"'{piece}'" for piece in pieces)


def _type_of_braces(value):
    try:
        json.loads(value)
        return "jsonb"
    except ValueError:
        elements = value[1:-1].split(",")
    if all(UUID.fullmatch(element) for element in elements):
        return "uuid[]"
    if all(re.fullmatch(r"-?\d+", element) for element in elements):
        return "bigint[]"
    return "text[]"


def _shared_tables(shop):
    """Names that tables of several schemas have."""
    return set(shop.sql(
        "SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        " GROUP BY tablename HAVING count(*) > 1").split())
