# Sourced by the tests inside the machine. A check is a line `ok WHAT` or `FAIL WHAT`, with what the command said; the
# test ends with 1 when one failed.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
failures=0
trap 'exit $((failures > 0))' EXIT

# check WHAT COMMAND...: it ends with 0.
check() { ends 0 "$@"; }

# ends STATUS WHAT COMMAND...: it ends with that status. What it said is in $said.
ends() {
  local wanted=$1 what=$2 status=0
  shift 2
  said=$("$@" 2>&1) || status=$?
  tell "$what" "$((status == wanted))" "it ended with $status, not $wanted: $*"
}

# says WHAT TEXT...: what the last command said has each text in it.
says() {
  local what=$1 text
  shift
  for text; do
    case $said in *"$text"*) ;; *) tell "$what" 0 "no \"$text\" in it"; return ;; esac
  done
  tell "$what" 1
}

# comes WHAT COMMAND...: it ends with 0 sooner or later, within two minutes.
comes() {
  local what=$1 end=$((SECONDS + 120))
  shift
  until said=$("$@" 2>&1); do
    [ "$SECONDS" -lt "$end" ] || { tell "$what" 0 "it never came: $*"; return; }
    sleep 0.3
  done
  tell "$what" 1
}

is() { [ "$1" = "$2" ] || { echo "\"$1\" is not \"$2\""; return 1; }; }

tell() {
  [ "$2" = 1 ] && { echo "ok $1"; return; }
  echo "FAIL $1: ${3-}"
  printf '%s\n' "$said" | tail -n 25
  ! declare -F explain >/dev/null || explain
  failures=$((failures + 1))
}
