#!/bin/sh
# Writes the hash-locked requirements anew from pyproject.toml (`make lock`).
set -eu
UV="${UV:-uv}"
lock() {
  out="$1"; shift
  "$UV" pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --quiet "$@" -o "requirements/$out.txt"
}
lock run
lock local --extra local --group build -c requirements/run.txt
lock dev --extra local --group build --group dev -c requirements/local.txt
echo uv | "$UV" pip compile - --universal --python-version 3.11 --generate-hashes --no-header --quiet -o requirements/uv.txt
