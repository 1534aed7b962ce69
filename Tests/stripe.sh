#!/bin/sh
# A copy of the shop that charges at Stripe, as localstripe speaks it: a card is charged, a part of that is paid back, and
# a declined card buys nothing; then the invariants are verified. `./shop test stripe` builds what it needs and runs it:
#
#   Tests/stripe.sh SHOPCTL LOCALSTRIPE [PORTS_FROM]    (default 24000; localstripe listens 100 above)
#
# Needs curl. The exit status is 1 unless it went so; then the copy is removed all the same, and its logs with it.
set -eu

shopctl=$1 localstripe=$2 base=${3:-24000}
stripe=http://127.0.0.1:$((base + 100))
order=http://127.0.0.1:$((base + 2)) user=http://127.0.0.1:$((base + 3))
work=$(mktemp -d)
stripe_pid=
finish() {
  code=$?
  trap - EXIT
  "$shopctl" down --data --yes --ports-from "$base" >/dev/null || code=1
  [ -z "$stripe_pid" ] || kill "$stripe_pid" || true
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  printf 'stripe: %s\n' "$1" >&2
  exit 1
}
json='Content-Type: application/json'
ask() { curl -sS --max-time 60 "$@"; }
member() { sed -nE "s/.*\"$1\":\"?([^\",}]*).*/\\1/p"; }
# holds NAME TEXT NEEDLE: says what was seen.
holds() {
  case $2 in
  *"$3"*) printf '  ok  %s\n' "$1" ;;
  *) fail "$1: expected $3 in $2" ;;
  esac
}

"$localstripe" --port $((base + 100)) --from-scratch >"$work/localstripe.log" 2>&1 &
stripe_pid=$!
for attempt in $(seq 100); do
  ! curl -s --max-time 1 -o /dev/null "$stripe/v1/charges" || break
  [ "$attempt" -lt 100 ] || fail "localstripe does not start: $(tail -n 1 "$work/localstripe.log")"
  sleep 0.1
done

PAYMENT_PROVIDER=stripe STRIPE_URL=$stripe STRIPE_SECRET_KEY=sk_test_local STRIPE_WEBHOOK_SECRET=whsec_local \
  "$shopctl" up --ports-from "$base" >"$work/up" 2>&1 || fail "$(tail -n 5 "$work/up")"

# buy KEY CARD: as a guest, who waits for the outcome.
buy() {
  ask "$order/orders" -H "$json" -H "Idempotency-Key: $1" -H 'Prefer: wait=20' -d '{"items":[{"productId":1,"quantity":1}],
    "email":"stripe@shop.example","paymentToken":"'"$2"'","shippingAddress":{"name":"C. Harge","line1":"1 High Street",
    "city":"Springfield","postalCode":"12345","country":"US"}}'
}
at_stripe() { ask -u sk_test_local: "$stripe/v1/$1" | tr -d ' \n'; }

bought=$(buy stripe-checkout-one pm_card_visa)
holds 'a checkout is confirmed' "$bought" '"state":"confirmed"'
holds 'the same key is the same order' "$(buy stripe-checkout-one pm_card_visa)" "$(printf '%s' "$bought" | grep -o '"number":"[0-9]*"')"
total=$(printf '%s' "$bought" | sed -nE 's/.*"total":\{"amount":([0-9]+).*/\1/p')
id=$(printf '%s' "$bought" | sed -nE 's/^\{"id":"([^"]*).*/\1/p')
case " $id $total " in *"  "*) fail "no id or total in $bought" ;; esac

staff=$(ask "$user/sessions" -H "$json" -d '{"email":"staff@shop.example","password":"staff-packs-parcels"}' | member accessToken)
as_staff() { ask -H "Authorization: Bearer $staff" -H "$json" "$@"; }
refunded=$(as_staff "$order/orders/$id/refunds" -H 'Idempotency-Key: stripe-refund-of-one' -d '{"amount":{"amount":100,"currency":"USD"},"reason":"scratched"}')
holds 'a part is refunded' "$refunded" '"status":"succeeded"'
holds 'the order knows it' "$(as_staff "$order/orders/$id")" '"paymentStatus":"partially_refunded"'

declined=$(buy stripe-checkout-two pm_card_chargeCustomerFail)
holds 'a declined card buys nothing' "$declined" 'payment-declined'

charges=$(at_stripe charges)
holds 'Stripe has charged the order, and paid back a part' "$charges" "\"amount\":$total,\"amount_refunded\":100,"
captured=$(printf '%s' "$charges" | grep -o '"captured":true' | wc -l)
[ "$captured" -eq 1 ] || fail "one charge was to be captured, and $captured are: $charges"
holds 'the whole history of the order can be read' "$("$shopctl" order 10001 --ports-from "$base" 2>&1)" 'refund of USD 1.00'
"$shopctl" verify --wait 60 --ports-from "$base"
