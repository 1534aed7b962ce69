#!/bin/sh
# Buys a laptop with curl from a running shop and checks what a customer, the warehouse and Consul
# see of it. Used by CI after `./shop up`, and by hand after `docker compose up`:
#
#   Tests/journey.sh                   the ports of the README
#   Tests/journey.sh 20000             a copy started with --ports-from 20000
#
# Needs curl only. Ends with "N passed, N failed"; exit status 1 if something failed.
set -u

base=${1:-${PORTS_FROM:-}}
if [ -n "$base" ]; then
  product=$((base + 1)) order=$((base + 2)) user=$((base + 3)) payment=$((base + 4))
  notification=$((base + 5)) consul=$((base + 10))
else
  product=8081 order=8082 user=8083 payment=8084 notification=8085 consul=8500
fi
host=${SHOP_HOST:-127.0.0.1}
product=http://$host:${PRODUCT_PORT:-$product}
order=http://$host:${ORDER_PORT:-$order}
user=http://$host:${USER_PORT:-$user}
payment=http://$host:${PAYMENT_PORT:-$payment}
notification=http://$host:${NOTIFICATION_PORT:-$notification}
consul=http://$host:${CONSUL_PORT:-$consul}

passed=0 failed=0
check() { # title, text, pattern that the text must hold
  if printf '%s' "$2" | grep -qE -- "$3"; then
    passed=$((passed + 1))
    printf 'ok    %s\n' "$1"
  else
    failed=$((failed + 1))
    printf 'FAIL  %s\n      expected: %s\n      got: %s\n' "$1" "$3" "$(printf '%s' "$2" | head -c 600)"
  fi
}
ask() { curl -sS --max-time 15 "$@" 2>&1; }
member() { # name, JSON text: the first member of that name with a plain value
  printf '%s' "$2" | grep -oE "\"$1\":(\"[^\"]*\"|[0-9.]+|true|false)" | head -n 1 |
    sed -E 's/^"[^"]*"://; s/^"//; s/"$//'
}
until_matches() { # seconds, pattern, command ...: its last output
  seconds=$1 pattern=$2
  shift 2
  end=$(($(date +%s) + seconds))
  while :; do
    text=$("$@")
    printf '%s' "$text" | grep -qE -- "$pattern" && break
    [ "$(date +%s)" -lt "$end" ] || break
    sleep 0.2
  done
  printf '%s' "$text"
}

stamp=$(date +%s)-$$
json='Content-Type: application/json'

# The catalogue
list=$(ask "$product/products?limit=2")
check 'the list begins with the laptop for 1000.0 and the phone for 500.0' "$list" \
  '^\[\{"id":1,"name":"Laptop","price":1000\.0,.*"id":2,"name":"Phone","price":500\.0'
check 'a search finds the phone by the beginning of a word' "$(ask "$product/products?q=pho&limit=5")" '"name":"Phone"'
check 'an unknown product is a problem with its type' "$(ask "$product/products/999999")" 'errors\.shop\.example/not-found'
etag=$(ask -D - -o /dev/null "$product/products/1" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')
check 'the same version again is 304' \
  "$(ask -o /dev/null -w '%{http_code}' -H "If-None-Match: $etag" "$product/products/1")" '^304$'

# An account
mail="buyer-$stamp@shop.example"
check 'registering gives an account' \
  "$(ask "$user/users" -H "$json" -d "{\"email\":\"$mail\",\"password\":\"correct-horse-battery\",\"name\":\"Bea Buyer\"}")" \
  "\"email\":\"$mail\""
session=$(ask "$user/sessions" -H "$json" -d "{\"email\":\"$mail\",\"password\":\"correct-horse-battery\"}")
check 'signing in gives a token' "$session" '"accessToken":"'
token="Authorization: Bearer $(member accessToken "$session")"
check 'a wrong password is refused' \
  "$(ask "$user/sessions" -H "$json" -d "{\"email\":\"$mail\",\"password\":\"wrong-horse-battery\"}")" 'invalid-credentials'
staff_session=$(ask "$user/sessions" -H "$json" -d '{"email":"staff@shop.example","password":"staff-packs-parcels"}')
staff="Authorization: Bearer $(member accessToken "$staff_session")"
admin_session=$(ask "$user/sessions" -H "$json" -d '{"email":"admin@shop.example","password":"admin-minds-the-shop"}')
admin="Authorization: Bearer $(member accessToken "$admin_session")"

# The order
available() { member available "$(ask -H "$staff" "$product/variants/1/stock")"; }
before=$(until_matches 10 '[0-9]' available)
key="journey-$stamp-order-key"
items='{"items":[{"productId":1,"quantity":1}],"shippingAddress":{"name":"Bea Buyer","line1":"1 High Street","city":"Springfield","postalCode":"12345","country":"US"},"paymentToken":"tok_ok"}'
buy() { ask "$order/orders" -H "$token" -H "$json" -H "Idempotency-Key: $key" -d "$items"; }
placed=$(buy)
check 'an order is accepted' "$placed" '"number":"[0-9]+"'
id=$(member id "$placed")
look() { ask -H "$token" "$order/orders/$id"; }
confirmed=$(until_matches 20 '"state":"confirmed"' look)
check 'it is confirmed' "$confirmed" '"state":"confirmed"'
check 'its payment is captured' "$confirmed" '"paymentStatus":"captured"'
check 'the payment service says so too' \
  "$(ask -H "$token" "$payment/payments/$(member paymentId "$confirmed")")" '"state":"captured"'
check 'stock is one less' "$(available)" "^$((before - 1))\$"
again=$(buy)
check 'the same key again is the same order' "$(member id "$again")" "^$id\$"
check 'and takes no further stock' "$(available)" "^$((before - 1))\$"
check 'its history leads from pending to confirmed' "$(ask -H "$token" "$order/orders/$id/history")" '"to":"pending".*"to":"confirmed"'
notices() { ask -H "$token" "$notification/notifications?type=order.confirmed"; }
told=$(until_matches 20 'order\.confirmed' notices)
check 'there is one notice of it' "$(printf '%s' "$told" | grep -o '"type":"order.confirmed"' | wc -l | tr -d ' ')" '^1$'
check 'a stranger does not see the order' "$(ask "$order/orders/$id")" 'not-found'

# What follows: a parcel, its arrival, and the money back
line=$(printf '%s' "$confirmed" | grep -oE '"lines":\[\{"id":"[^"]*"' | sed -E 's/.*"id":"//; s/"$//')
units="\"lines\":[{\"lineId\":\"$line\",\"quantity\":1}]"
ship() {
  ask "$order/orders/$id/shipments" -H "$staff" -H "$json" -H "Idempotency-Key: $key-ship" \
    -d "{$units,\"carrier\":\"Post\",\"trackingNumber\":\"J-$stamp\"}"
}
shipped=$(until_matches 20 '"status":"shipped"' ship)
check 'staff ship it' "$shipped" '"status":"shipped"'
check 'a customer cannot' "$(ask "$order/orders/$id/shipments" -H "$token" -H "$json" -H "Idempotency-Key: $key-ship" -d '{}')" 'forbidden'
check 'the order is shipped whole' "$(look)" '"state":"shipped".*"fulfilmentStatus":"fulfilled"'
check 'the parcel arrives' \
  "$(ask -X PATCH "$order/orders/$id/shipments/$(member id "$shipped")" -H "$staff" -H "$json" -d '{"status":"delivered"}')" \
  '"status":"delivered"'
check 'and with it the order is delivered' "$(look)" '"state":"delivered"'
check 'it cannot be cancelled any more' "$(ask -X POST "$order/orders/$id/cancel" -H "$token")" 'invalid-state-transition'
refund() {
  ask "$order/orders/$id/refunds" -H "$staff" -H "$json" -H "Idempotency-Key: $key-refund" \
    -d "{$units,\"restock\":true,\"reason\":\"came back\"}"
}
check 'staff pay it back' "$(until_matches 20 '"status":"succeeded"' refund)" '"status":"succeeded"'
check 'the order says so' "$(look)" '"paymentStatus":"refunded"'
check 'and its unit is on the shelf again' "$(until_matches 10 "^$before\$" available)" "^$before\$"
before=$((before + 1))

# A cart: a guest fills it, signs in and takes it along, and buys it with a coupon
made=$(ask "$order/carts" -X POST)
guest_cart=$(member id "$made")
guest="X-Access-Token: $(member accessToken "$made")"
check 'a guest begins a cart' "$made" '"status":"open".*"accessToken":"'
check 'and puts two notebooks into it' \
  "$(ask "$order/carts/$guest_cart/lines" -H "$guest" -H "$json" -d '{"productId":24,"quantity":2}')" '"subtotal":\{"amount":2500,'
check 'a stranger does not see the cart' "$(ask "$order/carts/$guest_cart")" 'not-found'
taken=$(ask "$order/carts/$guest_cart/claim" -H "$token" -H "$json" -d "{\"accessToken\":\"$(member accessToken "$made")\"}")
cart=$(member id "$taken")
check 'signed in, it is theirs' "$taken" '"userId":"'
saved=$(ask "$user/users/me/addresses" -H "$token" -H "$json" \
  -d '{"name":"Bea Buyer","line1":"7 Rose Lane","city":"Sacramento","region":"CA","postalCode":"94203","country":"US"}')
check 'an address is kept' "$saved" '"isDefault":true'
methods=$(ask "$order/shipping-methods?country=US&currency=USD&subtotal=2500")
check 'delivery is offered, the cheapest first' "$methods" '^\[\{[^}]*"name":"Standard"'
check 'the cart goes there, with its tax' \
  "$(ask -X PUT "$order/carts/$cart/shipping" -H "$token" -H "$json" \
    -d "{\"addressId\":\"$(member id "$saved")\",\"methodId\":\"$(member id "$methods")\"}")" \
  '"shipping":\{"amount":499,.*"tax":\{"amount":18[0-9],'
check 'an unknown coupon is refused' \
  "$(ask -X PUT "$order/carts/$cart/coupon" -H "$token" -H "$json" -d '{"code":"NOTHING"}')" 'coupon-not-applicable'
priced=$(ask -X PUT "$order/carts/$cart/coupon" -H "$token" -H "$json" -d '{"code":"welcome10"}')
check 'a tenth is taken off' "$priced" '"discount":\{"amount":250,'
check 'another total than expected is refused' \
  "$(ask "$order/carts/$cart/checkout" -H "$token" -H "$json" -d '{"paymentToken":"tok_ok","expectedTotal":{"amount":1,"currency":"USD"}}')" \
  'price-changed'
check_out() {
  ask "$order/carts/$cart/checkout" -H "$token" -H "$json" -H "Idempotency-Key: journey-$stamp-cart-key" \
    -d '{"paymentToken":"tok_ok","note":"Ring twice."}'
}
bought=$(check_out)
check 'the cart is bought' "$bought" '"number":"[0-9]+"'
check 'the same key again is the same order' "$(member id "$(check_out)")" "^$(member id "$bought")\$"
look_cart() { ask -H "$token" "$order/carts/$cart"; }
check 'and then it is converted' "$(until_matches 20 '"status":"converted"' look_cart)" '"status":"converted"'
check 'its coupon was for one order' \
  "$(ask "$order/orders" -H "$token" -H "$json" -d "$(printf '%s' "$items" | sed 's/^{/{"couponCode":"WELCOME10",/')")" 'used_by_customer'

# An endpoint of a merchant: made, told of an event, removed. Nobody answers at the address.
hook=$(ask "$notification/webhook-endpoints" -H "$admin" -H "$json" \
  -d '{"url":"https://books.invalid/hook","types":["order.confirmed"]}')
check 'a webhook endpoint shows its secret once' "$hook" '"secret":"whsec_'
hook_id=$(member id "$hook")
hook_url=$notification/webhook-endpoints/$hook_id
check 'and never again' "$(ask -H "$admin" "$hook_url" | grep -c whsec_)" '^0$'
check 'a private address is refused' "$(ask "$notification/webhook-endpoints" -H "$admin" -H "$json" \
  -d '{"url":"https://169.254.169.254/","types":["order.confirmed"]}')" 'private_address'
ask -X POST -H "$admin" -H "Idempotency-Key: journey-$stamp-hook" "$hook_url/test" >/dev/null
deliveries() { ask -H "$admin" "$hook_url/deliveries"; }
check 'a delivery that cannot be made is kept, to be tried again' \
  "$(until_matches 20 '"attempts":[1-9]' deliveries)" '"type":"webhook.test".*"state":"queued".*"attempts":[1-9]'
check 'the endpoint is removed' "$(ask -o /dev/null -w '%{http_code}' -X DELETE -H "$admin" -H 'If-Match: *' "$hook_url")" '^204$'
check 'a password reset says the same whether or not there is an account' \
  "$(ask -o /dev/null -w '%{http_code}' "$user/password-resets" -H "$json" -d "{\"email\":\"nobody-$stamp@shop.example\"}")" '^202$'
ask "$user/password-resets" -H "$json" -d "{\"email\":\"$mail\"}" >/dev/null
resets() { ask -H "$token" "$notification/notifications?type=user.password_reset_requested"; }
check 'and its owner is told, without the link in the list' "$(until_matches 20 'reset_requested' resets)" 'link to choose a new password is in our mail'

# What is refused
declined=$(ask -o /dev/null -w '%{http_code}' "$order/orders" -H "$token" -H "$json" -d "$(printf '%s' "$items" | sed 's/tok_ok/tok_insufficient_funds/')")
check 'a declined card is 402' "$declined" '^402$'
check 'and its stock is given back' "$(until_matches 10 "^$((before - 1))\$" available)" "^$((before - 1))\$"
check 'more than there is is 409' \
  "$(ask "$order/orders" -H "$token" -H "$json" -d "$(printf '%s' "$items" | sed 's/"quantity":1/"quantity":900/')")" 'insufficient-stock'

# Discovery and health
passing() { ask "$consul/v1/health/state/passing"; }
for name in product order user payment notification; do
  check "Consul has $name-service passing" "$(until_matches 15 "\"ServiceName\": ?\"$name-service\"" passing)" \
    "\"ServiceName\": ?\"$name-service\""
done
check 'the Consul UI answers' "$(ask -L "$consul/ui/")" '<title>'
heard_of() { # address: how many of its peers Consul told it of
  peers=$(ask -H "$admin" "$1/admin/discovery")
  printf '%s of %s' "$(printf '%s' "$peers" | grep -o '"source":"consul"' | wc -l)" "$(printf '%s' "$peers" | grep -o '"service":' | wc -l)"
}
for address in $product $order $user $payment $notification; do
  check "$address is ready" "$(ask "$address/health/ready")" '"status":"ready"'
  check "$address has heard of each of its peers from Consul" \
    "$(until_matches 10 '^([0-9]+) of \1$' heard_of "$address")" '^([0-9]+) of \1$'
  check "$address measures itself" "$(ask "$address/metrics")" 'http_requests_total|http_server_requests'
  reports=$(ask -H "$admin" "$address/admin/invariants")
  check "$address keeps its invariants" "$reports" '^\['
  check "$address has no violation" "$(printf '%s' "$reports" | grep -c '"ok":false')" '^0$'
done
check 'a log level is lent for a while' \
  "$(ask -X PUT -H "$admin" -H "$json" "$notification/admin/log-level" -d '{"level":"info"}')" '"level":"info","until":"'
check 'no event was put aside' "$(ask -H "$admin" "$notification/admin/dead-letters")" '^\[\]$'
maintain() { ask -X PUT -H "$admin" -H "$json" "$notification/admin/maintenance" -d "$1"; }
listed() { ask "$consul/v1/health/service/notification-service?passing"; }
check 'maintenance is asked for' "$(maintain '{"enabled":true,"reason":"journey"}')" '"enabled":true'
check 'and takes an instance out of the list of those that answer' "$(until_matches 10 '^\[\]' listed)" '^\[\]'
check 'until it is over' "$(maintain '{"enabled":false}')" '"enabled":false'
check 'then it is there again' "$(until_matches 10 'notification-service' listed)" 'notification-service'
check 'the breakers are closed' "$(ask -H "$admin" "$order/admin/circuit-breakers")" '"target":"payment-service","state":"closed"'

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
