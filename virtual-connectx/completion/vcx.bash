# Completion of vcx for bash. Made from the commands by `npm run completion`; not to be edited.
_vcx_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }
_vcx_file() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); }
_vcx_source() { compopt -o nospace 2>/dev/null; _vcx_words "$1"; }

_vcx() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' word
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word == -- ]]; then mapfile -t COMPREPLY < <(compgen -c -f -- "$cur"); return; fi
    case $command/$word in
      '/create' | \
      '/exec' | \
      '/set' | \
      '/show' | \
      '/help') command=${command:+$command }$word ;;
    esac
  done
  # bash takes : and = for words of their own
  if [[ $cur == : || $cur == = ]]; then prev=$cur cur=''; fi
  if [[ $prev == : ]]; then _vcx_file; return; fi
  if [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD - 1]}
    [[ $prev != = ]] || prev=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case "$command $prev" in
    'create --kek') _vcx_source 'file: fd: cred: cmd: keyring:'; return ;;
    'create --kek-format') _vcx_words 'raw hex base64'; return ;;
    'create --kek-id') :; return ;;
    'create --credential') _vcx_source 'file: fd: cred: cmd: keyring:'; return ;;
    'create --credential-format') _vcx_words 'raw hex base64'; return ;;
    'create --credential-id') :; return ;;
    'create --import-mode') _vcx_words 'wrapped plaintext'; return ;;
    'create --log-max-deks') :; return ;;
    'create --group') :; return ;;
    'create --devices') :; return ;;
    'set --device') :; return ;;
  esac
  case $command in
    '') _vcx_words 'create exec set show help --help --version' ;;
    'create')
      if [[ $cur == -* ]]; then _vcx_words '--json --kek --kek-format --kek-id --credential --credential-format --credential-id --commissioning --import-mode --log-max-deks --group --devices --help -h'; else _vcx_file; fi ;;
    'exec')
      if [[ $cur == -* ]]; then _vcx_words '--help -h'; else _vcx_file; fi ;;
    'set')
      if [[ $cur == -* ]]; then _vcx_words '--json --device --help -h'; else _vcx_file; fi ;;
    'show')
      if [[ $cur == -* ]]; then _vcx_words '--json --help -h'; else _vcx_file; fi ;;
  esac
}
complete -F _vcx vcx
