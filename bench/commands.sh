#!/usr/bin/env bash
# What commands.ts runs beside dek: the fastest that we could write with openssl(1) and a shell. openssl wraps one key a
# process, so each key has a file, and xargs keeps all cores busy. It leaves plaintext keys in temporary files and shows
# the KEKs to all users in its arguments: openssl enc takes a key from nowhere else.
# usage: commands.sh keygen KEYS KEK_FILE | check MANIFEST KEK_FILE | rewrap MANIFEST OLD_KEK_FILE NEW_KEK_FILE
#        | wrap KEYS_FILE KEK_FILE | unwrap WRAPPED_FILE KEK_FILE
# keygen prints entries without a header; check prints nothing; rewrap prints the manifest, its header unchanged; wrap
# and unwrap take and print raw keys of 72 bytes, one after the other.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }

# Runs openssl enc on each file that ends in $1, and writes to the same name with $2 instead.
each() {
  local from=$1 to=$2
  shift 2
  find "$work" -name "*$from" | sed "s/$from\$//" |
    xargs -P "$(nproc)" -I{} openssl enc -id-aes256-wrap -iv A6A6A6A6A6A6A6A6 "$@" -in "{}$from" -out "{}$to"
}

wrapped_of() {
  sed 1d "$1" | jq -r .wrapped | split -l 1 -a 4 --additional-suffix=.old - "$work/k"
}

# What stands in the files that end in $1, in their order, by the command that follows.
results() { find "$work" -name "*$1" | sort | xargs "${@:2}"; }

case $1 in
  keygen)
    openssl rand $(($2 * 72)) | split -b 72 -a 4 --additional-suffix=.plain - "$work/k"
    each .plain .new -e -a -A -K "$(hex "$3")"
    line='{\"name\":\"vol-%d\",\"keySize\":256,\"keytag\":true,\"wrapped\":\"%s\"}\n'
    results .new awk 1 | awk "{printf \"$line\", NR, \$0}"
    ;;
  check)
    wrapped_of "$2"
    each .old .plain -d -a -A -K "$(hex "$3")"
    ;;
  wrap)
    split -b 72 -a 4 --additional-suffix=.plain "$2" "$work/k"
    each .plain .new -e -K "$(hex "$3")"
    results .new cat
    ;;
  unwrap)
    split -b 80 -a 4 --additional-suffix=.old "$2" "$work/k"
    each .old .plain -d -K "$(hex "$3")"
    results .plain cat
    ;;
  rewrap)
    wrapped_of "$2"
    each .old .plain -d -a -A -K "$(hex "$3")"
    each .plain .new -e -a -A -K "$(hex "$4")"
    head -n 1 "$2"
    paste <(sed 1d "$2") <(results .new awk 1) | sed 's/"wrapped":"[^"]*"}\t\(.*\)/"wrapped":"\1"}/'
    ;;
esac
