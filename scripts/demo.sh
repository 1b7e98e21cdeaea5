#!/usr/bin/env bash
# The tour of `make demo`: starts the environment with an example, shows what can be asked, and stays up.
# EXIT=1 stops everything after the tour.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
example=01-online-boutique

servicegraph local up --detach --example "$example"
[ "${EXIT:-}" != 1 ] || trap 'servicegraph local down' EXIT
variables="$(servicegraph local env)"
eval "$variables"

bold='' plain=''
[ ! -t 1 ] || { bold=$'\033[1m' plain=$'\033[0m'; }

show() {
  printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"
  "$@"
}

show kubectl get servicedependencies -A
show servicegraph graph online-boutique/checkoutservice
show servicegraph graph online-boutique/redis-cart:datastore --direction upstream
! command -v curl >/dev/null || show curl -sS "$SERVICEGRAPH_URL/api/v1/services/online-boutique/checkoutservice"
echo
[ "${EXIT:-}" = 1 ] || cat <<NEXT

It stays up. Go on in any shell in this folder:

  export PATH="\$PWD/.venv/bin:\$PATH"
  eval "\$(servicegraph local env)"
  kubectl explain sdep.spec.dependencies
  kubectl delete sdep -n online-boutique emailservice     # and ask again
  servicegraph graph online-boutique/frontend --format mermaid
  curl -s "\$SERVICEGRAPH_URL/api/v1/services/online-boutique/frontend/dependencies?depth=3"

  make down                                               # stops it all
NEXT
