#!/bin/sh
# The shop in containers, end to end: builds the images, starts everything, buys a laptop by the
# published ports, stops, looks at the exit codes, and removes what it made.
#
#   Tests/compose.sh        needs docker with compose v2, curl, and the ports of docker-compose.yml
set -u
cd "$(dirname -- "$0")/.."

if command -v docker-compose >/dev/null 2>&1; then compose=docker-compose; else compose="docker compose"; fi
failed=0
finish() { $compose down -v --remove-orphans >/dev/null 2>&1; }
trap finish EXIT
trap 'exit 130' INT TERM

$compose up --build -d --wait || { $compose ps -a; $compose logs --tail 40; exit 1; }
$compose ps
Tests/journey.sh || failed=1

$compose stop
for container in $($compose ps -a -q); do
  state=$(docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}} {{.State.ExitCode}}' "$container")
  printf 'stopped: %s\n' "$state"
  # Consul does not leave its cluster first (consul-config/agent.json), and calls that a failure.
  case "$state" in *" 0" | "consul 1") ;; *) failed=1 ;; esac
done
docker images --format '{{.Repository}} {{.Size}}' | grep '^shop/'
[ "$failed" -eq 0 ] && echo "compose: passed" || { echo "compose: FAILED" >&2; exit 1; }
