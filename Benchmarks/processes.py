"""Programs of a benchmark: run with a bound, kept on a core, watched in /proc, ended by pid."""

import os
import re
import resource
import signal
import socket
import subprocess
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
START_SECONDS_MAX = 15
STOP_SECONDS_MAX = 5


class Failed(Exception):
    """The benchmark cannot go on, and why."""


class Deadline:
    """The end of the whole run: no wait is longer than what is left."""

    def __init__(self, minutes):
        self.minutes = minutes
        self._end = time.monotonic() + minutes * 60

    def within(self, seconds_max):
        left = self._end - time.monotonic()
        if left <= 0:
            raise Failed(f"not done in {self.minutes:g} minutes (--max-minutes)")
        return min(seconds_max, left)


def output(command, seconds_max, folder=None, environment=None):
    """What a command prints on both streams. Failed when it fails or takes too long."""
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    name = os.path.basename(command[0])
    try:
        text, _ = process.communicate(timeout=seconds_max)
    except subprocess.TimeoutExpired:
        raise Failed(f"{name} did not end within {seconds_max:.0f} s") from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        raise Failed(f"{name} failed: " + " / ".join(text.strip().splitlines()[-3:]))
    return text


def version(command):
    """The first number with dots that a program prints about itself."""
    told = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=30)
    number = re.search(r"\d+\.\d+(\.\d+)*", told.stdout)
    return number.group() if number else "of unknown version"


def on_core(core, command):
    return ["taskset", "-c", str(core), *command]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _stat(pid):
    """The fields of /proc/PID/stat after the program's name, or None when it has gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def family(pid):
    """This process and all that descend from it."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := _stat(entry)):
            children.setdefault(int(stat[1]), []).append(int(entry))
    pids = [pid]
    for member in pids:
        pids += children.get(member, [])
    return pids


def cpu_seconds(pid):
    """Of this process alone; None when it has gone."""
    stat = _stat(pid)
    return sum(map(int, stat[11:13])) / TICKS_PER_SECOND if stat else None


def family_cpu_seconds(pid):
    """Of this process and all that descend from it, those that have ended included."""
    stats = filter(None, map(_stat, family(pid)))
    return sum(sum(map(int, stat[11:15])) for stat in stats) / TICKS_PER_SECOND


def children_seconds():
    """What this program's own children have used, once they have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Server:
    """A server from its start to its end, its children included; on a core of its own if one is given,
    as another user if one is given."""

    def __init__(
            self, name, command, port, core, environment, log_path, user=None,
            stop_signal=signal.SIGTERM):
        self.name, self.port = name, port
        self._log_path, self._stop_signal = log_path, stop_signal
        with open(log_path, "w"):
            pass
        # Should the benchmark be killed, the kernel ends the server.
        setpriv = ["setpriv", "--pdeathsig", signal.Signals(stop_signal).name.removeprefix("SIG")]
        if user:
            setpriv += ["--reuid", user, "--regid", user, "--init-groups"]
        with open(log_path, "a") as log:
            # A session of its own, so that Ctrl-C is for the benchmark alone to answer.
            self._process = subprocess.Popen(
                [*setpriv, *(command if core is None else on_core(core, command))],
                env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

    def wait_until_listening(self, deadline):
        end = time.monotonic() + deadline.within(START_SECONDS_MAX)
        while time.monotonic() < end:
            self.check_that_it_runs()
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Failed(f"{self.name} does not listen after {START_SECONDS_MAX} s")

    def check_that_it_runs(self):
        """- Raises: Failed with the last lines of its log."""
        if self._process.poll() is not None:
            with open(self._log_path, errors="replace") as log:
                last = " / ".join(log.read()[-2000:].strip().splitlines()[-3:])
            raise Failed(f"{self.name} ended by itself ({self._process.returncode}): {last}")

    def forget_log(self):
        """An access log of minutes would fill the disk."""
        os.truncate(self._log_path, 0)

    def pids(self):
        return family(self._process.pid)

    def cpu_seconds(self):
        return family_cpu_seconds(self._process.pid)

    def resident_mib(self):
        stats = filter(None, map(_stat, self.pids()))
        return sum(int(stat[21]) for stat in stats) * PAGE_BYTES / 2**20

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)  # the session made above
                self._process.wait()


def busy_seconds(cores):
    """What these cores have worked since the machine started, for whomever."""
    total = 0
    with open("/proc/stat") as file:
        for line in file:
            name, *ticks = line.split()
            if name in [f"cpu{core}" for core in cores]:
                user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
                total += user + nice + system + irq + softirq + steal
    return total / TICKS_PER_SECOND
