#!/bin/sh
# Checks for the system packages of the suites: PostgreSQL, Chromium and a font with Cyrillic letters.
# Installs missing ones as root on Debian; otherwise prints what to install and fails.
set -eu

has_postgresql() {
  command -v postgres >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1
}

has_chromium() {
  command -v chromium >/dev/null 2>&1
}

has_cyrillic_font() {
  command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list :lang=ru family)" ]
}

list_missing() {
  has_postgresql || printf ' postgresql'
  has_chromium || printf ' chromium'
  has_cyrillic_font || printf ' fontconfig fonts-dejavu-core'
}

missing=$(list_missing)
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "The tests need PostgreSQL 15 or newer, Chromium and a font with Cyrillic letters." >&2
  echo "Please install the Debian packages$missing (or their like) and run the command again." >&2
  exit 1
fi

echo "Installing the Debian packages$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # one word a package
if ! { apt-get -q update && apt-get -q install -y --no-install-recommends -o DPkg::Lock::Timeout=120 $missing; } >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi

missing=$(list_missing)
[ -z "$missing" ] || { echo "Still missing after the installation:$missing" >&2; exit 1; }
