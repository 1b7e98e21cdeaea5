#!/usr/bin/env bash
# The tour of `make demo`: starts the environment with an example, shows what can be asked, closes a circle and opens it again, holds
# what is declared against telemetry, and stays up. EXIT=1 stops everything after the tour.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
example=01-online-boutique
circle=cyclealert/cycle-5bfd2fd2901c # named after its members, so always the same

servicegraph local up --detach --example "$example"
[ "${EXIT:-}" != 1 ] || trap 'servicegraph local down' EXIT
variables="$(servicegraph local env)"
eval "$variables"

bold='' plain=''
[ ! -t 1 ] || { bold=$'\033[1m' plain=$'\033[0m'; }

show() {
  printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"
  eval "$*"
}

await() {
  kubectl wait --for="$1" "${@:2}" --timeout=60s >/dev/null
}

show kubectl get servicedependencies -A
show servicegraph graph online-boutique/checkoutservice
show servicegraph graph online-boutique/redis-cart:datastore --direction upstream
! command -v curl >/dev/null || show 'curl -sS -H "X-API-Key: $SERVICEGRAPH_API_KEY" "$SERVICEGRAPH_URL/api/v1/services/online-boutique/checkoutservice"'
echo

printf '\n%s' "paymentservice begins to call checkoutservice, which calls paymentservice:"
show kubectl apply -f scripts/circle.yaml 2>&1
await create "$circle"
await jsonpath="{.status.state}"=Open "$circle"
await condition=InCycle sdep/checkoutservice -n online-boutique
timeout 60 bash -c 'until kubectl get events -n default -o name --field-selector reason=CycleOpened | grep -q .; do :; done'
show kubectl get cyclealerts
show kubectl describe "$circle"
show kubectl get sdep checkoutservice -n online-boutique -o "jsonpath='{.status.conditions[?(@.type==\"InCycle\")].message}'"
echo
show servicegraph cycles

printf '\n%s' "The call goes again, and with it the circle:"
show kubectl delete -f scripts/circle.yaml
await jsonpath="{.status.state}"=Resolved "$circle"
show kubectl get cyclealerts

printf '\n%s\n' "Now telemetry: a Prometheus, and a generator that shows what a collector would see of the shop."
if servicegraph local up --example 04-discovery >/dev/null; then
  await condition=Healthy dsrc/otel
  await jsonpath='{.status.conditions[?(@.type=="Observed")].reason}'=AllObserved sdep/checkoutservice -n online-boutique
  await jsonpath='{.status.summary.undeclared}'=1 sdep/emailservice -n online-boutique
  await jsonpath='{.status.conditions[?(@.type=="Observed")].reason}'=NeverObserved sdep/shoppingassistantservice -n online-boutique
  show kubectl get dsrc
  show servicegraph drift --namespace online-boutique
  show servicegraph explain online-boutique/emailservice online-boutique/productcatalogservice
  for name in checkoutservice emailservice shoppingassistantservice; do
    show kubectl get sdep $name -n online-boutique -o "jsonpath='{.status.conditions[?(@.type==\"Observed\")].message}'"
    echo
  done
else
  printf '\n%s\n' "The tour goes on without telemetry."
fi
[ "${EXIT:-}" = 1 ] || cat <<NEXT

It stays up. Go on in any shell in this folder:

  export PATH="\$PWD/.venv/bin:\$PATH"
  eval "\$(servicegraph local env)"
  kubectl explain sdep.spec.dependencies
  kubectl delete sdep -n online-boutique emailservice     # and ask again
  servicegraph graph online-boutique/frontend --format mermaid
  curl -s -H "X-API-Key: \$SERVICEGRAPH_API_KEY" "\$SERVICEGRAPH_URL/api/v1/services/online-boutique/frontend/dependencies?depth=3"
  kubectl apply --server-side -f examples/03-deathstarbench-social-network     # a real circle

  make down                                               # stops it all
NEXT
