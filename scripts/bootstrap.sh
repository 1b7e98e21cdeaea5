#!/usr/bin/env bash
# Makes .venv with everything that is needed: `scripts/bootstrap.sh local` for the demo, `dev` for tests and checks too.
# A second call that has nothing to do takes no time. uv is used from the PATH, else it is installed into .uv/.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted="${1:-dev}"
export PATH="$PWD/.uv/bin:$PATH" UV_PROJECT_ENVIRONMENT=.venv VIRTUAL_ENV="$PWD/.venv"
[ -z "${PIP_INDEX_URL:-}" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"  # a mirror that pip knows

say() { printf '== %s\n' "$*" >&2; }

fingerprint() { cat "requirements/$1.txt" pyproject.toml scripts/bootstrap.sh | cksum; }

stamp() { echo ".venv/.servicegraph-$1"; }

fresh() { [ -x .venv/bin/servicegraph ] && [ "$(cat "$(stamp "$1")" 2>/dev/null)" = "$(fingerprint "$1")" ]; }

# What the tests need includes what the demo needs; going back would only take things away.
[ ! -f "$(stamp dev)" ] || wanted=dev
! fresh "$wanted" || exit 0

find_python() {
  for candidate in python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
}

install_uv() {
  say "Installing uv into .uv/ (once)"
  local python
  python="$(find_python)"
  rm -rf .uv && mkdir -p .uv/bin
  if [ -n "$python" ]; then
    local install=(-m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt)
    if "$python" -m venv .uv/venv >/dev/null 2>&1 && .uv/venv/bin/python "${install[@]}"; then
      ln -s ../venv/bin/uv .uv/bin/uv && return
    fi
    if "$python" "${install[@]}" --target .uv/lib; then
      ln -s ../lib/bin/uv .uv/bin/uv && return
    fi
  fi
  if command -v curl >/dev/null; then
    curl --proto '=https' --tlsv1.2 -LsSf https://astral.sh/uv/install.sh |
      env UV_INSTALL_DIR="$PWD/.uv/bin" UV_NO_MODIFY_PATH=1 sh && return
  fi
  say "uv could not be installed; install it as https://docs.astral.sh/uv/ says, then try again"
  exit 1
}

command -v uv >/dev/null || install_uv
if [ ! -x .venv/bin/python ]; then
  say "Making .venv"
  uv venv --python '>=3.11' --allow-existing .venv
fi
say "Installing the locked requirements ($wanted)"
uv pip sync --require-hashes "requirements/$wanted.txt"
say "Installing servicegraph itself, editable"
uv pip install --quiet --no-deps --no-build-isolation -e .
fingerprint "$wanted" > "$(stamp "$wanted")"
