# Shared by the scripts: where things are, how progress is shown, how root is had. Sourced, never run.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="${TURNWISE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/turnwise}"
logs="$cache/logs"
mkdir -p "$cache" "$logs"

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# as_root COMMAND...: runs it as root, by sudo where needed.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null 2>&1; then sudo "$@"
  else die "'$*' needs root, and there is no sudo: run it as root, then call this script again"; fi
}

# step TEXT COMMAND...: runs COMMAND with its output in a log, shows TEXT with the seconds it has taken, and shows the end
# of the log when it fails. Without a terminal it prints one line at the start and one at the end.
step() {
  local text="$1" started=$SECONDS log status=0 pid
  shift
  log="$logs/$(printf '%s' "$text" | tr -cs '[:alnum:]' '-' | cut -c1-60).log"
  # In the background also when nobody watches: as the left side of || a function would run with errexit off.
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  if [ -t 1 ]; then
    while kill -0 "$pid" 2>/dev/null; do
      printf '\r\033[K  … %s (%ss)' "$text" $((SECONDS - started))
      sleep 1
    done
    printf '\r\033[K'
  else
    say "  … $text"
  fi
  wait "$pid" || status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 40 "$log" >&2
    die "$text: failed with status $status; the whole log is $log"
  fi
  say "  ✓ $text ($((SECONDS - started))s)"
}
