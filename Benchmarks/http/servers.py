"""The servers of the comparison: what each is built from and how it is called."""

import json
import os
from typing import Callable, NamedTuple

from document import ROOT
from processes import Failed, version
from workshop import Skipped, tool

HERE = os.path.dirname(os.path.abspath(__file__))


class Program(NamedTuple):
    command: Callable[[int], list]  # from the port; PORT and THREADS are in the environment, too
    made_with: str


class Recipe(NamedTuple):
    name: str
    title: str
    prepare: Callable
    decodes_orders: bool = True


def limit(workshop):
    compiler, program = tool("cc"), workshop.path("limit")
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]
    workshop.build([compiler, *flags, "-o", program, "limit.c"], HERE)
    return Program(lambda port: [program], f"gcc {version([compiler, '--version'])}")


def bench_server(*arguments):
    def prepare(workshop):
        program = os.path.join(ROOT, ".build", "release", "bench-server")
        if not os.path.exists(program):
            raise Failed("bench-server is not built; `./shop bench http` does that")
        swift = version([tool("swift"), "--version"])
        return Program(lambda port: [program, "--port", str(port), *arguments], f"Swift {swift}")

    return prepare


def nginx(workshop):
    program, folder = tool("nginx"), workshop.path("nginx")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(HERE, "nginx.conf.in")) as file:
        template = file.read()

    def command(port):
        text = template
        for word, value in {"@PORT@": str(port), "@THREADS@": "1", "@FOLDER@": folder}.items():
            text = text.replace(word, value)
        configuration = os.path.join(folder, "nginx.conf")
        with open(configuration, "w") as file:
            file.write(text)
        return [program, "-p", folder, "-e", os.path.join(folder, "error.log"), "-c", configuration]

    return Program(command, f"nginx {version([program, '-v'])}")


def go(workshop):
    compiler, program = tool("go"), workshop.path("go-server")
    environment = {
        "GOPROXY": "off",  # nothing but the standard library, so nothing to load
        "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false", "GOCACHE": workshop.path("go-cache")}
    workshop.build([compiler, "build", "-o", program, "."], os.path.join(HERE, "go"), environment)
    return Program(lambda port: [program], f"Go {version([compiler, 'version'])}")


def hummingbird(workshop):
    compiler, scratch = tool("swift"), workshop.path("hummingbird")
    package = os.path.join(HERE, "hummingbird-server")
    try:
        workshop.build(
            [compiler, "build", "-c", "release", "--static-swift-stdlib", "--package-path", package,
             "--scratch-path", scratch])
    except Failed as failed:  # its packages come from elsewhere
        raise Skipped(f"it was not built: {failed}") from None
    with open(os.path.join(package, "Package.resolved")) as file:
        versions = {pin["identity"]: pin["state"].get("version") for pin in json.load(file)["pins"]}
    program = os.path.join(scratch, "release", "hummingbird-server")
    return Program(
        lambda port: [program],
        f"Hummingbird {versions['hummingbird']} on SwiftNIO {versions['swift-nio']}")


RECIPES = [
    Recipe("limit", "C limit", limit, decodes_orders=False),
    Recipe("shop", "bench-server", bench_server()),
    Recipe("service", "bench-server --service", bench_server("--service")),
    Recipe("nginx", "nginx", nginx, decodes_orders=False),
    Recipe("go", "Go net/http", go),
    Recipe("hummingbird", "Hummingbird", hummingbird),
]
