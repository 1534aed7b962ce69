"""The load: what is asked, whether the answers are right, and one measurement with wrk."""

import contextlib
import http.client
import json
import os
import resource
import select
import socket
import time
from typing import NamedTuple

from processes import Failed, busy_seconds, on_core, output

HERE = os.path.dirname(os.path.abspath(__file__))
ORDER_PATH = os.path.join(HERE, "order.json")
CONNECTIONS = 64
IDLE_CONNECTIONS = 1000


class Scenario(NamedTuple):
    name: str
    title: str
    path: str
    kind: str  # as load.lua has it
    idle_connections: int = 0
    has_latency: bool = True


SCENARIOS = [
    Scenario("plaintext", "GET /plaintext", "/plaintext", "get"),
    Scenario("json", "GET /json", "/json", "get"),
    Scenario("echo", "POST /echo, an order of 0.9 KB", "/echo", "echo"),
    # wrk takes the time from a write to each of its 16 answers.
    Scenario(
        "pipeline", "GET /plaintext, 16 requests a write", "/plaintext", "pipeline",
        has_latency=False),
    Scenario(
        "idle", "GET /plaintext beside 1,000 silent connections", "/plaintext", "get",
        IDLE_CONNECTIONS),
    Scenario("close", "GET /plaintext, a new connection for each", "/plaintext", "close"),
]


class Cores(NamedTuple):
    server: int
    load: int


class Measurement(NamedTuple):
    requests_per_second: float
    p50_us: int
    p99_us: int
    cpu_us: float  # of the server, for one request
    busy: float  # the share of its core that the server used
    resident_mib: float
    errors: int
    others: float  # the share of both cores that other programs used


def check_answers(server, decodes_orders):
    """- Raises: Failed for an answer that is wrong."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)

    def ask(method, path, body=None):
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        return response.status, response.read()

    def expect(request, right, answer):
        if not right:
            status, body = answer
            raise Failed(f"wrong answer of {server.name} to {request}: {status} {body[:200]!r}")

    def is_json(answer, value):
        with contextlib.suppress(ValueError):  # no JSON is a wrong answer like any other
            return answer[0] == 200 and json.loads(answer[1]) == value
        return False

    with open(ORDER_PATH, encoding="utf-8") as file:
        order = json.load(file)
    text = json.dumps(order).encode()
    # One whose amount is a text: only who decodes to typed values can tell.
    wrong = json.dumps({**order, "items": [{**order["items"][0], "quantity": "one"}]}).encode()
    with contextlib.closing(connection):
        answer = ask("GET", "/plaintext")
        expect("GET /plaintext", answer == (200, b"Hello, World!"), answer)
        answer = ask("GET", "/json")
        expect("GET /json", is_json(answer, {"message": "Hello, World!"}), answer)
        answer = ask("POST", "/echo", text)
        if not decodes_orders:
            expect("POST /echo", answer[0] == 200, answer)
            return
        expect("POST /echo", is_json(answer, order), answer)
        answer = ask("POST", "/echo", wrong)
        expect("POST /echo of an order that is none", 400 <= answer[0] < 500, answer)


class SilentConnections:
    """Connections that were used once and say nothing more."""

    def __init__(self, port, path, count):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < count + 100:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 100), hard))
        self._sockets = []
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), timeout=5)
            self._sockets.append(connection)
            connection.sendall(request)
            received = b""
            while b"Hello, World!" not in received:
                more = connection.recv(4096)
                if not more:
                    raise Failed(f"connection {len(self._sockets)} was closed")
                received += more

    def ended(self):
        """How many the server has closed meanwhile."""
        poll = select.poll()
        for connection in self._sockets:
            poll.register(connection, select.POLLIN)
        return len(poll.poll(0))

    def close(self):
        for connection in self._sockets:
            connection.close()


def measure(server, scenario, seconds, cores, deadline):
    """One measurement. - Raises: Failed when the server or wrk did not end as they should."""
    url = f"http://127.0.0.1:{server.port}{scenario.path}"
    wrk = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--latency", "-s",
           os.path.join(HERE, "load.lua"), url, "--", scenario.kind, ORDER_PATH]
    silent = SilentConnections(server.port, scenario.path, scenario.idle_connections)
    with contextlib.closing(silent):
        began, cpu_began = time.monotonic(), server.cpu_seconds()
        busy_began, children_began = busy_seconds(cores), os.times()
        text = output(on_core(cores.load, wrk), deadline.within(seconds + 15))
        wall, cpu = time.monotonic() - began, server.cpu_seconds() - cpu_began
        children = os.times()
        wrk_cpu = (children.children_user + children.children_system
                   - children_began.children_user - children_began.children_system)
        others = busy_seconds(cores) - busy_began - cpu - wrk_cpu
        resident_mib, ended = server.resident_mib(), silent.ended()
    server.check_that_it_runs()
    server.forget_log()
    results = [line for line in text.splitlines() if line.startswith("RESULT ")]
    result = json.loads(results[0].removeprefix("RESULT ")) if results else {"requests": 0}
    if result["requests"] == 0:
        raise Failed(f"no request to {server.name} was answered in {scenario.name}: {text[-300:]}")
    return Measurement(
        requests_per_second=result["requests"] / (result["duration_us"] / 1e6),
        p50_us=result["p50_us"], p99_us=result["p99_us"], cpu_us=cpu * 1e6 / result["requests"],
        busy=cpu / wall, resident_mib=resident_mib, errors=result["errors"] + ended,
        others=max(0, others / (2 * wall)))
