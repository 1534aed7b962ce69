"""The reads of the comparison with asyncpg: 64 callers over a pool of 8 connections, on uvloop."""

import argparse
import asyncio
import json
import os
import random
import time

import asyncpg
import uvloop

CALLERS, POOL, PRODUCTS, WARM_UP_SECONDS = 64, 8, 100_000, 0.5
COLUMNS = "id, name, slug, description, status, version, created_at"
ITEM = f"SELECT {COLUMNS} FROM products WHERE id = $1"
LIST = f"SELECT {COLUMNS} FROM products WHERE id > $1 ORDER BY id LIMIT 20"


async def item(pool):
    wanted = random.randint(1, PRODUCTS)
    row = await pool.fetchrow(ITEM, wanted)
    assert row["id"] == wanted and row["created_at"]


async def page(pool):
    start = random.randint(0, PRODUCTS - 20)
    rows = await pool.fetch(LIST, start)
    assert len(rows) == 20 and rows[0]["id"] == start + 1


async def callers(ask, pool, seconds):
    """Returns how long each operation took."""
    took, end = [], time.monotonic() + seconds

    async def call():
        began = time.monotonic()
        while began < end:
            await ask(pool)
            ended = time.monotonic()
            took.append(ended - began)
            began = ended

    await asyncio.gather(*(call() for _ in range(CALLERS)))
    return took


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenario", choices=["item", "list"], required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    ask = item if options.scenario == "item" else page
    url = os.environ["DATABASE_URL"]
    async with asyncpg.create_pool(url, min_size=POOL, max_size=POOL) as pool:
        warm_up = await callers(ask, pool, WARM_UP_SECONDS)
        began, cpu_began = time.monotonic(), time.process_time()
        took = sorted(await callers(ask, pool, options.seconds))
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu_began
    print(json.dumps({
        "operations": len(took), "warm_up_operations": len(warm_up),
        "per_second": len(took) / seconds, "p50_us": took[len(took) // 2] * 1e6,
        "p99_us": took[len(took) * 99 // 100] * 1e6, "cpu_us": cpu * 1e6 / len(took)}))


uvloop.run(main())
