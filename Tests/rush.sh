#!/bin/sh
# 200 buyers want the last 50 units of a product at the same moment: 50 orders are confirmed, 150 buyers are told that
# it is sold out (409), and no unit is left or sold twice. The buyers are spread over all instances of the order
# service that Consul knows. Used by CI after `./shop up`, and by hand:
#
#   Tests/rush.sh                   the ports of the README
#   Tests/rush.sh 20000             a copy started with --ports-from 20000
#
# Needs curl (7.68 or later) only. The exit status is 1 unless it went so.
set -eu

base=${1:-${PORTS_FROM:-}}
if [ -n "$base" ]; then
  product=$((base + 1)) user=$((base + 3)) consul=$((base + 10))
else
  product=8081 user=8083 consul=8500
fi
host=${SHOP_HOST:-127.0.0.1}
product=http://$host:${PRODUCT_PORT:-$product}
user=http://$host:${USER_PORT:-$user}
consul=http://$host:${CONSUL_PORT:-$consul}
buyers=200 units=50

fail() {
  printf 'rush: %s\n' "$1" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
json='Content-Type: application/json'
ask() { curl -sS --max-time 30 "$@"; }
member() { sed -nE "s/.*\"$1\":\"?([^\",}]*).*/\\1/p"; }

token=$(ask "$user/sessions" -H "$json" -d '{"email":"staff@shop.example","password":"staff-packs-parcels"}' | member accessToken)
[ -n "$token" ] || fail 'the example account of staff cannot sign in'
stamp=$(date +%s)
made=$(ask "$product/products" -H "Authorization: Bearer $token" -H "$json" \
  -d "{\"name\":\"Rush $stamp\",\"price\":9.5,\"initialStock\":$units}")
id=$(printf '%s' "$made" | sed -nE 's/^\{"id":([0-9]+).*/\1/p')
[ -n "$id" ] || fail "the product was not made: $made"
ports=$(ask "$consul/v1/catalog/service/order-service" | grep -oE '"ServicePort": ?[0-9]+' | grep -oE '[0-9]+$' || true)
[ -n "$ports" ] || fail 'Consul knows no order service'

cat >"$work/order.json" <<JSON
{"items":[{"productId":$id,"quantity":1}],"email":"rush@shop.example","paymentToken":"tok_ok",
"shippingAddress":{"name":"R. Ush","line1":"1 High Street","city":"Springfield","postalCode":"12345","country":"US"}}
JSON
# One curl with all requests, for a process for each would take seconds to start.
instances=$(printf '%s\n' "$ports" | wc -l)
number=0
while [ "$number" -lt "$buyers" ]; do
  port=$(printf '%s\n' "$ports" | sed -n "$((number % instances + 1))p")
  number=$((number + 1))
  cat <<CURL
next
url = "http://$host:$port/orders"
header = "$json"
header = "Idempotency-Key: rush-$stamp-buyer-$number"
header = "Prefer: wait=20"
data = "@$work/order.json"
output = "$work/$number.answer"
write-out = "%{http_code}\n"
silent
show-error
max-time = 40
CURL
done | sed 1d >"$work/requests"

# What was not settled is asked for again with the same keys.
for attempt in 1 2 3 4 5 6; do
  curl --parallel --parallel-immediate --parallel-max "$buyers" -K "$work/requests" >"$work/codes" 2>"$work/errors" || true
  confirmed=$(cat "$work"/*.answer | grep -o '"state":"confirmed"' | wc -l)
  refused=$(cat "$work"/*.answer | grep -o 'errors\.shop\.example/insufficient-stock' | wc -l)
  [ $((confirmed + refused)) -lt "$buyers" ] || break
  sleep "$attempt"
done
available=$(ask "$product/products/$id" | grep -oE '"available":[0-9]+' | grep -oE '[0-9]+' || true)
[ -n "$available" ] || fail "the product cannot be read afterwards"
printf '%s buyers at %s instances of the order service, %s units: %s confirmed, %s sold out, %s left (%s rounds)\n' \
  "$buyers" "$instances" "$units" "$confirmed" "$refused" "$available" "$attempt"
if [ "$confirmed" -ne "$units" ] || [ "$refused" -ne $((buyers - units)) ] || [ "$available" -ne 0 ]; then
  fail "answers by status: $(sort "$work/codes" | uniq -c | tr '\n' ' ') $(head -n 2 "$work/errors")"
fi
