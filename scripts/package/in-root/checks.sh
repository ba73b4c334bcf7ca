# Sourced by what tries packages in a bare root of Debian: checks, a line each, and apt.

readonly architecture=$(dpkg --print-architecture)
failed=0

# check NAME COMMAND...: a check is a function below, which prints what is to stand in the table if not "passed".
check() {
  local name=$1 output
  shift
  if output=$("$@" 2>/tmp/check.log); then
    printf '%s: %s\n' "$name" "${output:-passed}"
  else
    printf '%s: FAILED\n' "$name"
    tail -n 20 /tmp/check.log | sed "s/^/  $name: /" >&2
    failed=1
  fi
}

# Installs or removes, and nothing besides; so does the apt of who types.
cat >/etc/apt/apt.conf.d/typed <<'END'
APT::Get::Assume-Yes "true";
APT::Install-Recommends "false";
Dpkg::Use-Pty "false";
quiet "2";
END
apt() { apt-get "$@" >&2; }
# The package of that name.
deb() { realpath packages/"$1"_*_"$architecture".deb; }

# The commands of docs/install.md in the block that begins so, with the names that this architecture has.
block() {
  awk -v beginning="$1" '
    /^```/ { inside = !inside; begins = inside; next }
    begins { here = index($0, beginning) == 1; begins = 0 }
    inside && here' docs/install.md | case $architecture in
    arm64) sed -e 's/amd64/arm64/; s/linux-x64/linux-arm64/; s/x86_64/aarch64/' ;;
    *) cat ;;
  esac
}

# Types them, or what a filter leaves of them, in a folder with the packages: typed BEGINNING [FILTER...]
readonly here=/tmp/here
mkdir $here
ln -s "$PWD"/packages/* $here
cp --remove-destination packages/SHA256SUMS $here
typed() {
  local beginning=$1
  shift
  block "$beginning" | "${@:-cat}" >/tmp/typed && [ -s /tmp/typed ] && (cd $here && bash -eux /tmp/typed) >&2
}

# Whether this is arm64 by qemu-user.
is_emulated() {
  [ "$(head -n 1 "/proc/sys/fs/binfmt_misc/$(uname -m)" 2>/dev/null)" = enabled ]
}

# completes COMMAND BEGINNING WORD: bash, zsh and fish have completion of COMMAND, by which BEGINNING becomes WORD.
completes() {
  apt install bash-completion zsh fish || return
  bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader $0
    COMP_WORDS=($0 $1) COMP_CWORD=1 COMP_LINE="$0 $1" COMP_POINT=$((${#0} + 1 + ${#1}))
    read -r _ _ function _ <<<"$(complete -p $0)" && $function $0 $1 $0 && [ "${COMPREPLY[*]}" = $2 ] ||
    { complete -p $0; declare -p COMPREPLY; exit 1; }' "$@" >&2 || return
  zsh -fc 'autoload -U compinit && compinit -D && [ "$_comps[$0]" = _$0 ]' "$1" >&2 || return
  fish -c "complete -C '$1 $2'" | grep -q "^$3"
}

# sizes PACKAGE: bytes of its file, and KiB on the disk, as MB.
sizes() {
  printf '%s MB, %s MB installed' "$(tenths "$(stat -c %s "$(deb "$1")")")" \
    "$(tenths $(($(dpkg-query -W -f '${Installed-Size}' "$1") * 1024)))"
}

tenths() { printf '%d.%d' $(($1 / 1000000)) $(($1 % 1000000 / 100000)); }

# qemu-user knows no process_vm_readv(2), by which a virtual ConnectX moves the data of proofs.
main_job() {
  local without=''
  ! is_emulated || without=proofs
  DEMO_ROOT=$home DEMO_WITHOUT_PROOFS=$without scripts/demo >&2 && echo "passed${without:+ but proofs}"
}

# A service is built with the header and the library that pkg-config finds: EXAMPLE is blockstore.c.
builds() {
  apt install gcc libc6-dev libibverbs-dev pkgconf || return
  gcc -o /tmp/blockstore "$1" $(pkg-config --cflags --libs mlx5dek) -pthread >&2 &&
    ldd /tmp/blockstore | grep 'libmlx5dek.so.1 => /' >&2
}

selftest() { dek selftest >&2; }

# systemd-analyze asks man for the pages that the units name.
units() {
  apt install man-db &&
    systemd-analyze verify /lib/systemd/system/dek-*.{service,socket} >&2 && getent passwd dek >&2
}

pages() {
  local page
  for page in man/*; do
    page=${page#man/}
    man --where "${page##*.}" "${page%.*}" >&2 || return
  done
  MANWIDTH=80 man 1 dek | grep -q 'DESCRIPTION'
}

# file_size FILE: its bytes, as MB.
file_size() { printf '%s MB' "$(tenths "$(stat -c %s "$1")")"; }

# What a newcomer does first: the commands of docs/start.md that need no NIC, typed into a shell; how long that took.
start_page() {
  local began=$SECONDS typed=/tmp/start-page/typed said=/tmp/start-page/said
  mkdir /tmp/start-page || return
  awk '
    /^<!-- run: start -->$/ { block = 2; next }
    block && /^```$/ { block--; next }
    block && (goes_on || sub(/^\$ /, "")) { print; goes_on = /\\$/ }
    block && /&$/ { print "until dek status >status; do sleep 0.2; done" } # who types reads READY first
    END { print "kill %1; wait" }
  ' docs/start.md >$typed
  (cd /tmp/start-page && DEK_AGENT_SOCKET=$PWD/agent.sock bash <$typed >$said 2>&1)
  cat $said >&2
  [ "$(grep -c '^vol-[123] .* ok$' $said)" -eq 3 ] && grep -q '^error: .* refused the wrapped key' $said &&
    grep -q '^heals: *3$' $said && rm -r /tmp/start-page && printf '%d s' $((SECONDS - began))
}
