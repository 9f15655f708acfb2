// The process that stands between a test program and its PostgreSQL: it takes orders, a line each, on its input and answers
// each with a line. When its input ends, because the program has ended in whatever way, it stops the server and removes the
// folder. A shell is enough for that, and survives a crash of the program that it watches.
#pragma once

namespace turnwise::tests {

/// Arguments: folder of PostgreSQL's programs, folder of the server, folder of the template, and where the WAL is to be when it
/// is to be elsewhere. Runs as the server's user.
inline constexpr auto guardian_script = R"sh(
bin="$1" folder="$2" template="$3" wal="$4" data="$2/data"
unset PGDATA PGHOST PGPORT PGUSER PGDATABASE PGOPTIONS

# Made once and copied ever after. A half-made one has another name.
initialize() {
  if [ ! -d "$template" ]; then
    making="$template.$$"
    "$bin/initdb" --no-sync --auth=trust --username=turnwise --encoding=UTF8 --locale=C.UTF-8 --pgdata="$making" || return 1
    mv -T "$making" "$template" 2>/dev/null || rm -rf "$making"
  fi
  cp -a "$template" "$data" || return 1
  if [ -n "$wal" ]; then
    mv "$data/pg_wal" "$wal/pg_wal" && ln -s "$wal/pg_wal" "$data/pg_wal" || return 1
  fi
  cat >>"$data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$folder'
unix_socket_permissions = 0700
fsync = on
synchronous_commit = on
recovery_init_sync_method = syncfs
shared_buffers = 64MB
max_connections = 60
log_line_prefix = '%m %p '
CONF
}
start() { "$bin/pg_ctl" --pgdata="$data" --log="$folder/log" --timeout=60 --wait --silent start; }
stop() { "$bin/pg_ctl" --pgdata="$data" --mode=immediate --timeout=60 --wait --silent stop; }
# The postmaster first: then no process of the server is added.
freeze() { postmaster="$(head -n 1 "$data/postmaster.pid")" && kill -STOP "$postmaster" && kill -STOP $(children); }
thaw() { [ -z "$postmaster" ] || kill -CONT $(children) "$postmaster"; }
children() { cat "/proc/$postmaster/task/$postmaster/children"; }

trap '' HUP INT TERM
while read -r order; do
  case "$order" in
  initialize | start | stop | freeze | thaw) if "$order" >>"$folder/guardian.log" 2>&1; then echo done; else echo failed; fi ;;
  esac
done
thaw >/dev/null 2>&1
stop >/dev/null 2>&1
rm -rf "$folder" >/dev/null 2>&1 & # nobody has to wait for that
)sh";

} // namespace turnwise::tests
