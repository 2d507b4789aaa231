#!/usr/bin/env bash
# Sets up what the tests need on a Debian machine that has Rust, then runs every check and every test there is.
# A second run is quick: nothing is installed or built twice. Ends with "N passed, N failed".
#
# Settings: SWITCHBOARD_TEST_EXAMPLES (folder of the vendor's example payloads; without it the tests that read them show as
# ignored), SWITCHBOARD_TEST_TORTURE_SECONDS (default 300), SWITCHBOARD_TEST_CHROMIUM (the browser, default /usr/bin/chromium), CARGO_TARGET_DIR.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

section_name="" section_from=0 passed=0 failed=0
log=$(mktemp)

section() {
  [[ -z $section_name ]] || printf '== %s: %d s\n' "$section_name" "$((SECONDS - section_from))"
  section_name=$1 section_from=$SECONDS
  printf '\n== %s\n' "$section_name"
}

# Adds up the closing lines of the test runners: cargo's, and node's spec reporter's.
count() {
  local sums
  sums=$(awk '
    /^test result: / { passed += $4; failed += $6 }
    /^ℹ pass /       { passed += $3 }
    /^ℹ fail /       { failed += $3 }
    END              { print passed + 0, failed + 0 }' "$log")
  passed=$((passed + ${sums% *})) failed=$((failed + ${sums#* }))
}

# Runs one test command, shows its output, counts its tests.
tests() {
  local status=0
  "$@" 2>&1 | tee "$log" || status=$?
  count
  return "$status"
}

finish() {
  local status=$?
  rm -f "$log"
  if ((status != 0)); then
    printf '\n== %s: FAILED after %d s\n' "$section_name" "$((SECONDS - section_from))"
    ((failed > 0)) || failed=1 # a check that failed is a failure, although no test runner counted it
  fi
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
}
trap finish EXIT

# ---- what has to be here ----

section "programs"

# Where Debian has servers and the packet filter, which not everybody's PATH holds.
export PATH=$PATH:/usr/sbin
# program, Debian package
needed=(
  "cc gcc"
  "mvn maven" # brings the jars of Apache Cassandra, for the tests of the CQL store
  "${SWITCHBOARD_TEST_CHROMIUM:-/usr/bin/chromium} chromium"
  "node nodejs"
  "npm npm"
  "openssl openssl"
  "strace strace"
  "haproxy haproxy"
  "nginx nginx-light"
  "nft nftables"
)
missing=()
for pair in "${needed[@]}"; do
  command -v "${pair% *}" >/dev/null || missing+=("${pair#* }")
done
# Cassandra runs on Java 17; another one may be the machine's own.
java_17() {
  local java
  for java in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java || true)" /usr/lib/jvm/java-17-openjdk-*/bin/java; do
    if [[ -x $java ]] && "$java" -version 2>&1 | grep -q 'version "17'; then
      dirname "$(dirname "$(realpath "$java")")"
      return
    fi
  done
  return 1
}
java_17 >/dev/null || missing+=(openjdk-17-jre-headless)
if ((${#missing[@]} > 0)); then
  install="apt-get install -y --no-install-recommends ${missing[*]}"
  as_root=""
  ((EUID == 0)) || as_root="sudo -n"
  if command -v apt-get >/dev/null && { ((EUID == 0)) || sudo -n true 2>/dev/null; }; then
    $as_root apt-get update -q
    DEBIAN_FRONTEND=noninteractive $as_root $install
  else
    printf 'Missing: %s. Run this as root, then start again:\n\n  apt-get update && %s\n\n' "${missing[*]}" "$install"
    exit 1
  fi
fi
if ! JAVA_HOME=$(java_17); then
  echo "Missing: Java 17 (openjdk-17-jre-headless), or JAVA_HOME naming one."
  exit 1
fi
export JAVA_HOME
if ! command -v cargo >/dev/null; then
  echo "Missing: Rust. Install it with rustup; rust-toolchain.toml names the version."
  exit 1
fi
node_major=$(node --print 'process.versions.node.split(".")[0]')
if ((node_major < 18)); then
  echo "Node.js $(node --version) is too old: 18 or newer is needed."
  exit 1
fi
echo "$(cargo --version), node $(node --version), $("${SWITCHBOARD_TEST_CHROMIUM:-/usr/bin/chromium}" --version 2>/dev/null)"

section "npm packages"
for folder in tests/sdk tests/browser; do
  want="$(sha256sum <"$folder/package-lock.json") node $node_major"
  if [[ $(cat "$folder/node_modules/.installed-for" 2>/dev/null || true) == "$want" ]]; then
    echo "$folder: up to date"
  else
    (cd "$folder" && npm ci --no-audit --no-fund)
    printf '%s\n' "$want" >"$folder/node_modules/.installed-for"
  fi
done

# ---- checks ----

section "dependencies: licences, sources, bans"
node scripts/check-dependencies.mjs

section "format"
cargo fmt --all --check

section "clippy"
cargo clippy --workspace --all-targets --locked -- -D warnings

section "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

# ---- tests ----

section "Rust tests"
# The cluster's torture is bounded here; `switchboard torture` runs it for as long as you like.
SWITCHBOARD_TEST_TORTURE_SECONDS=${SWITCHBOARD_TEST_TORTURE_SECONDS:-300} tests cargo test --workspace --locked --no-fail-fast

if [[ -n ${SWITCHBOARD_TEST_EXAMPLES:-} ]]; then
  section "the vendor's example payloads"
  tests cargo test --workspace --locked --test protocol_tables --test it -- --ignored example
fi

section "server for the tests below"
cargo build --workspace --locked --bin switchboard
SWITCHBOARD_BIN="$(realpath "${CARGO_TARGET_DIR:-target}/debug/switchboard")"
export SWITCHBOARD_BIN

section "public SDK, over TLS"
tests npm --prefix tests/sdk test --silent

section "pages, in Chromium"
tests npm --prefix tests/browser test --silent

section "torture of a server that loses messages, which it has to find"
tests cargo test --workspace --locked --features switchboard-cluster/unsound-skip-validation --test torture -- \
  --ignored a_server_that_does_not_validate_is_caught

section "done"
