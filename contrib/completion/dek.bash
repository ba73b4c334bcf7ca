# Completion of dek for bash. Made from the commands by `npm run completion`; not to be edited.
_dek_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }
_dek_file() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); }
_dek_source() { compopt -o nospace 2>/dev/null; _dek_words "$1"; }

_dek() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' word
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word == -- ]]; then mapfile -t COMPREPLY < <(compgen -c -f -- "$cur"); return; fi
    case $command/$word in
      '/agent' | \
      '/apply' | \
      '/convert' | \
      '/create' | \
      '/credential' | \
      '/destroy' | \
      '/device' | \
      '/doctor' | \
      '/events' | \
      '/explain' | \
      '/fleet' | \
      '/hardware-report' | \
      '/inspect' | \
      '/kek' | \
      '/keygen' | \
      '/list' | \
      '/login' | \
      '/logout' | \
      '/manifest' | \
      '/officer' | \
      '/prove' | \
      '/query' | \
      '/rewrap' | \
      '/rollback-index' | \
      '/rpmb' | \
      '/run' | \
      '/seal' | \
      '/selftest' | \
      '/spdk' | \
      '/status' | \
      '/unseal' | \
      '/unwrap' | \
      '/virtual' | \
      '/wrap' | \
      '/help' | \
      'credential/wrap' | \
      'device/list' | \
      'device/show' | \
      'fleet/init' | \
      'fleet/publish' | \
      'fleet/rollout' | \
      'fleet/status' | \
      'kek/components' | \
      'kek/copy' | \
      'kek/show' | \
      'kek/usage' | \
      'manifest/check' | \
      'manifest/fetch' | \
      'manifest/release' | \
      'manifest/set' | \
      'manifest/sign' | \
      'manifest/upgrade' | \
      'manifest/verify' | \
      'officer/credential' | \
      'officer/kek' | \
      'officer/operational' | \
      'officer/rotate' | \
      'officer/status' | \
      'officer credential/add' | \
      'officer credential/delete' | \
      'officer credential/list' | \
      'officer kek/add' | \
      'officer kek/delete' | \
      'officer kek/list' | \
      'rollback-index/enroll' | \
      'rollback-index/show' | \
      'rpmb/info' | \
      'rpmb/program' | \
      'rpmb/read' | \
      'rpmb/write' | \
      'spdk/load' | \
      'virtual/create' | \
      'virtual/exec' | \
      'virtual/set' | \
      'virtual/show') command=${command:+$command }$word ;;
    esac
  done
  # bash takes : and = for words of their own
  if [[ $cur == : || $cur == = ]]; then prev=$cur cur=''; fi
  if [[ $prev == : ]]; then _dek_file; return; fi
  if [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD - 1]}
    [[ $prev != = ]] || prev=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case "$command $prev" in
    'agent --device') :; return ;;
    'agent --manifest') :; return ;;
    'agent --state') :; return ;;
    'agent --allowed-signers') _dek_file; return ;;
    'agent --threshold') :; return ;;
    'agent --release') _dek_file; return ;;
    'agent --host') :; return ;;
    'agent --rollback-index') _dek_source 'tpm: rpmb: file:'; return ;;
    'agent --kek') _dek_source 'file: cred: cmd: keyring: pkcs11: afalg:'; return ;;
    'agent --kek-format') _dek_words 'raw hex base64'; return ;;
    'agent --prove-share') :; return ;;
    'agent --release-within') :; return ;;
    'agent --check-interval') :; return ;;
    'agent --socket') _dek_file; return ;;
    'agent --group') :; return ;;
    'apply --prove-share') :; return ;;
    'apply --replace-key') :; return ;;
    'apply --kek') _dek_source 'file: cred: cmd: keyring: pkcs11: afalg:'; return ;;
    'apply --kek-format') _dek_words 'raw hex base64'; return ;;
    'apply --socket') _dek_file; return ;;
    'convert --from') _dek_words 'raw hex c perftest dpdk pyverbs manifest'; return ;;
    'convert --to') _dek_words 'raw hex c perftest dpdk pyverbs manifest'; return ;;
    'convert --name') :; return ;;
    'convert --credential-id') :; return ;;
    'convert --import-kek-id') :; return ;;
    'convert --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'convert --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'convert --kek-format') _dek_words 'raw hex base64'; return ;;
    'convert --kcv') :; return ;;
    'convert --output' | 'convert -o') _dek_file; return ;;
    'create --dcv') :; return ;;
    'create --keytag-value') :; return ;;
    'create --opaque') :; return ;;
    'create --format') _dek_words 'raw hex base64'; return ;;
    'create --socket') _dek_file; return ;;
    'credential wrap --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'credential wrap --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'credential wrap --kek-format') _dek_words 'raw hex base64'; return ;;
    'credential wrap --kcv') :; return ;;
    'credential wrap --input-format') _dek_words 'raw hex base64'; return ;;
    'credential wrap --output' | 'credential wrap -o') _dek_file; return ;;
    'credential wrap --format') _dek_words 'raw hex base64'; return ;;
    'destroy --socket') _dek_file; return ;;
    'doctor --device') :; return ;;
    'doctor --manifest') :; return ;;
    'doctor --allowed-signers') _dek_file; return ;;
    'doctor --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'doctor --probe') _dek_file; return ;;
    'doctor --socket') _dek_file; return ;;
    'events --since') :; return ;;
    'events --kind') _dek_words 'create replace heal prove attach sign refuse'; return ;;
    'events --name') :; return ;;
    'events --directory') :; return ;;
    'fleet init --host') :; return ;;
    'fleet init --hosts') _dek_file; return ;;
    'fleet init --publisher') :; return ;;
    'fleet init --auditor') :; return ;;
    'fleet init --fleet') :; return ;;
    'fleet publish --host') :; return ;;
    'fleet publish --hosts') _dek_file; return ;;
    'fleet publish --fallback') _dek_file; return ;;
    'fleet publish --manifests') :; return ;;
    'fleet publish --keep') :; return ;;
    'fleet publish --replace-key') :; return ;;
    'fleet publish --fleet') :; return ;;
    'fleet rollout --waves') :; return ;;
    'fleet rollout --max-unavailable') :; return ;;
    'fleet rollout --wait') :; return ;;
    'fleet rollout --host') :; return ;;
    'fleet rollout --hosts') _dek_file; return ;;
    'fleet rollout --fallback') _dek_file; return ;;
    'fleet rollout --manifests') :; return ;;
    'fleet rollout --keep') :; return ;;
    'fleet rollout --replace-key') :; return ;;
    'fleet rollout --fleet') :; return ;;
    'fleet status --kek') :; return ;;
    'fleet status --fleet') :; return ;;
    'hardware-report --device') :; return ;;
    'hardware-report --manifest') _dek_file; return ;;
    'hardware-report --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'hardware-report --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'hardware-report --kek-format') _dek_words 'raw hex base64'; return ;;
    'hardware-report --kcv') :; return ;;
    'hardware-report --deks') :; return ;;
    'hardware-report --output' | 'hardware-report -o') _dek_file; return ;;
    'inspect --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'inspect --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'inspect --kek-format') _dek_words 'raw hex base64'; return ;;
    'inspect --kcv') :; return ;;
    'kek components --output-dir') :; return ;;
    'kek components --size') _dek_words '128 256'; return ;;
    'kek components --format') _dek_words 'raw hex base64'; return ;;
    'kek copy --kek-format') _dek_words 'raw hex base64'; return ;;
    'kek copy --timeout') :; return ;;
    'kek copy --ring') _dek_words 'user session'; return ;;
    'kek copy --master') :; return ;;
    'kek show --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'kek show --kek-format') _dek_words 'raw hex base64'; return ;;
    'kek show --kcv') :; return ;;
    'kek usage --import-kek-id') :; return ;;
    'kek usage --socket') _dek_file; return ;;
    'keygen --size') _dek_words '128 256'; return ;;
    'keygen --keytag-value') :; return ;;
    'keygen --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'keygen --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'keygen --kek-format') _dek_words 'raw hex base64'; return ;;
    'keygen --kcv') :; return ;;
    'keygen --name') :; return ;;
    'keygen --count') :; return ;;
    'keygen --first') :; return ;;
    'keygen --opaque') :; return ;;
    'keygen --manifest') _dek_file; return ;;
    'keygen --import-kek-id') :; return ;;
    'keygen --credential-id') :; return ;;
    'keygen --credential') _dek_file; return ;;
    'keygen --device') :; return ;;
    'keygen --manifest-version') _dek_words '1 2'; return ;;
    'keygen --output' | 'keygen -o') _dek_file; return ;;
    'keygen --format') _dek_words 'raw hex base64'; return ;;
    'list --socket') _dek_file; return ;;
    'login --credential') _dek_file; return ;;
    'login --credential-id') :; return ;;
    'login --import-kek-id') :; return ;;
    'login --socket') _dek_file; return ;;
    'logout --socket') _dek_file; return ;;
    'manifest check --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'manifest check --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'manifest check --kek-format') _dek_words 'raw hex base64'; return ;;
    'manifest check --kcv') :; return ;;
    'manifest fetch --name') :; return ;;
    'manifest fetch --group') :; return ;;
    'manifest fetch --import-kek-id') :; return ;;
    'manifest fetch --credential-id') :; return ;;
    'manifest fetch --credential') _dek_file; return ;;
    'manifest fetch --kcv') :; return ;;
    'manifest fetch --device') :; return ;;
    'manifest fetch --replace-key') :; return ;;
    'manifest fetch --output' | 'manifest fetch -o') _dek_file; return ;;
    'manifest release --fallback') :; return ;;
    'manifest release --output' | 'manifest release -o') _dek_file; return ;;
    'manifest set --host') :; return ;;
    'manifest set --not-after') :; return ;;
    'manifest set --next-login') _dek_file; return ;;
    'manifest set --import-kek-id') :; return ;;
    'manifest set --credential-id') :; return ;;
    'manifest set --kcv') :; return ;;
    'manifest set --remove') :; return ;;
    'manifest set --output' | 'manifest set -o') _dek_file; return ;;
    'manifest sign --key') _dek_source 'ssh-agent: file: fd: cred: cmd: keyring:'; return ;;
    'manifest upgrade --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'manifest upgrade --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'manifest upgrade --kek-format') _dek_words 'raw hex base64'; return ;;
    'manifest upgrade --kcv') :; return ;;
    'manifest upgrade --output' | 'manifest upgrade -o') _dek_file; return ;;
    'manifest verify --allowed-signers') _dek_file; return ;;
    'manifest verify --threshold') :; return ;;
    'manifest verify --release') _dek_file; return ;;
    'manifest verify --host') :; return ;;
    'officer credential add --role') _dek_words 'officer user'; return ;;
    'officer credential add --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'officer credential add --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'officer credential add --kek-format') _dek_words 'raw hex base64'; return ;;
    'officer credential add --kcv') :; return ;;
    'officer credential add --input-format') _dek_words 'raw hex base64'; return ;;
    'officer credential add --credential') _dek_file; return ;;
    'officer credential add --credential-id') :; return ;;
    'officer credential add --import-kek-id') :; return ;;
    'officer credential add --device') :; return ;;
    'officer credential delete --credential') _dek_file; return ;;
    'officer credential delete --credential-id') :; return ;;
    'officer credential delete --import-kek-id') :; return ;;
    'officer credential delete --device') :; return ;;
    'officer credential list --credential') _dek_file; return ;;
    'officer credential list --credential-id') :; return ;;
    'officer credential list --import-kek-id') :; return ;;
    'officer credential list --device') :; return ;;
    'officer kek add --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'officer kek add --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'officer kek add --kek-format') _dek_words 'raw hex base64'; return ;;
    'officer kek add --kcv') :; return ;;
    'officer kek add --input-format') _dek_words 'raw hex base64'; return ;;
    'officer kek add --credential') _dek_file; return ;;
    'officer kek add --credential-id') :; return ;;
    'officer kek add --import-kek-id') :; return ;;
    'officer kek add --device') :; return ;;
    'officer kek delete --credential') _dek_file; return ;;
    'officer kek delete --credential-id') :; return ;;
    'officer kek delete --import-kek-id') :; return ;;
    'officer kek delete --device') :; return ;;
    'officer kek delete --manifest') _dek_file; return ;;
    'officer kek delete --socket') _dek_file; return ;;
    'officer kek list --credential') _dek_file; return ;;
    'officer kek list --credential-id') :; return ;;
    'officer kek list --import-kek-id') :; return ;;
    'officer kek list --device') :; return ;;
    'officer operational --kek') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'officer operational --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'officer operational --kek-format') _dek_words 'raw hex base64'; return ;;
    'officer operational --kcv') :; return ;;
    'officer operational --credential') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'officer operational --credential-format') _dek_words 'raw hex base64'; return ;;
    'officer operational --device') :; return ;;
    'officer rotate --from') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'officer rotate --from-format') _dek_words 'raw hex base64'; return ;;
    'officer rotate --to') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'officer rotate --to-format') _dek_words 'raw hex base64'; return ;;
    'officer rotate --credential') _dek_file; return ;;
    'officer rotate --credential-id') :; return ;;
    'officer rotate --kept') _dek_file; return ;;
    'officer rotate --wait') :; return ;;
    'officer rotate --socket') _dek_file; return ;;
    'officer status --credential') _dek_file; return ;;
    'officer status --credential-id') :; return ;;
    'officer status --import-kek-id') :; return ;;
    'prove --record') _dek_file; return ;;
    'prove --socket') _dek_file; return ;;
    'query --socket') _dek_file; return ;;
    'rewrap --from') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'rewrap --from-format') _dek_words 'raw hex base64'; return ;;
    'rewrap --to') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'rewrap --to-format') _dek_words 'raw hex base64'; return ;;
    'rewrap --to-list') _dek_file; return ;;
    'rewrap --import-kek-id') :; return ;;
    'rewrap --output' | 'rewrap -o') _dek_file; return ;;
    'rollback-index enroll --allowed-signers') _dek_file; return ;;
    'rollback-index enroll --threshold') :; return ;;
    'rollback-index enroll --release') _dek_file; return ;;
    'rollback-index enroll --host') :; return ;;
    'rpmb info --key') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'rpmb info --key-format') _dek_words 'raw hex base64'; return ;;
    'rpmb program --key') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'rpmb program --key-format') _dek_words 'raw hex base64'; return ;;
    'rpmb read --key') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'rpmb read --key-format') _dek_words 'raw hex base64'; return ;;
    'rpmb read --address') :; return ;;
    'rpmb read --blocks') :; return ;;
    'rpmb read --frames') _dek_file; return ;;
    'rpmb read --output' | 'rpmb read -o') _dek_file; return ;;
    'rpmb read --format') _dek_words 'raw hex base64'; return ;;
    'rpmb write --key') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'rpmb write --key-format') _dek_words 'raw hex base64'; return ;;
    'rpmb write --address') :; return ;;
    'rpmb write --frames') _dek_file; return ;;
    'rpmb write --output' | 'rpmb write -o') _dek_file; return ;;
    'rpmb write --format') _dek_words 'raw hex base64'; return ;;
    'run --device') :; return ;;
    'run --manifest') :; return ;;
    'run --state') :; return ;;
    'run --allowed-signers') _dek_file; return ;;
    'run --threshold') :; return ;;
    'run --release') _dek_file; return ;;
    'run --host') :; return ;;
    'run --rollback-index') _dek_source 'tpm: rpmb: file:'; return ;;
    'run --kek') _dek_source 'file: cred: cmd: keyring: pkcs11: afalg:'; return ;;
    'run --kek-format') _dek_words 'raw hex base64'; return ;;
    'run --prove-share') :; return ;;
    'run --release-within') :; return ;;
    'run --check-interval') :; return ;;
    'seal --name') :; return ;;
    'seal --not-after') :; return ;;
    'seal --with-key') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'seal --with-key-format') _dek_words 'raw hex base64'; return ;;
    'seal --output' | 'seal -o') _dek_file; return ;;
    'spdk load --socket') _dek_file; return ;;
    'spdk load --manifest') _dek_file; return ;;
    'spdk load --name') :; return ;;
    'spdk load --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'spdk load --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'spdk load --kek-format') _dek_words 'raw hex base64'; return ;;
    'spdk load --kcv') :; return ;;
    'status --socket') _dek_file; return ;;
    'unseal --name') :; return ;;
    'unseal --with-key') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'unseal --with-key-format') _dek_words 'raw hex base64'; return ;;
    'unseal --output' | 'unseal -o') _dek_file; return ;;
    'unwrap --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'unwrap --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'unwrap --kek-format') _dek_words 'raw hex base64'; return ;;
    'unwrap --kcv') :; return ;;
    'unwrap --input-format') _dek_words 'raw hex base64'; return ;;
    'unwrap --size') _dek_words '128 256'; return ;;
    'unwrap --manifest') _dek_file; return ;;
    'unwrap --name') :; return ;;
    'unwrap --output' | 'unwrap -o') _dek_file; return ;;
    'unwrap --format') _dek_words 'raw hex base64'; return ;;
    'virtual create --kek') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'virtual create --kek-format') _dek_words 'raw hex base64'; return ;;
    'virtual create --kek-id') :; return ;;
    'virtual create --credential') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'virtual create --credential-format') _dek_words 'raw hex base64'; return ;;
    'virtual create --credential-id') :; return ;;
    'virtual create --import-mode') _dek_words 'wrapped plaintext'; return ;;
    'virtual create --log-max-deks') :; return ;;
    'virtual create --group') :; return ;;
    'virtual create --devices') :; return ;;
    'virtual set --device') :; return ;;
    'wrap --kek') _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; return ;;
    'wrap --kek-component') _dek_source 'file: fd: cred: cmd: keyring:'; return ;;
    'wrap --kek-format') _dek_words 'raw hex base64'; return ;;
    'wrap --kcv') :; return ;;
    'wrap --input-format') _dek_words 'raw hex base64'; return ;;
    'wrap --size') _dek_words '128 256'; return ;;
    'wrap --dcv') :; return ;;
    'wrap --dcv-input') _dek_file; return ;;
    'wrap --dcv-output') _dek_file; return ;;
    'wrap --manifest') _dek_file; return ;;
    'wrap --name') :; return ;;
    'wrap --first') :; return ;;
    'wrap --opaque') :; return ;;
    'wrap --output' | 'wrap -o') _dek_file; return ;;
    'wrap --format') _dek_words 'raw hex base64'; return ;;
  esac
  case $command in
    '') _dek_words 'agent apply convert create credential destroy device doctor events explain fleet hardware-report inspect kek keygen list login logout manifest officer prove query rewrap rollback-index rpmb run seal selftest spdk status unseal unwrap virtual wrap help --help --version' ;;
    'credential') _dek_words 'wrap' ;;
    'device') _dek_words 'list show' ;;
    'fleet') _dek_words 'init publish rollout status' ;;
    'kek') _dek_words 'components copy show usage' ;;
    'manifest') _dek_words 'check fetch release set sign upgrade verify' ;;
    'officer') _dek_words 'credential kek operational rotate status' ;;
    'officer credential') _dek_words 'add delete list' ;;
    'officer kek') _dek_words 'add delete list' ;;
    'rollback-index') _dek_words 'enroll show' ;;
    'rpmb') _dek_words 'info program read write' ;;
    'spdk') _dek_words 'load' ;;
    'virtual') _dek_words 'create exec set show' ;;
    'agent')
      if [[ $cur == -* ]]; then _dek_words '--device --manifest --watch --state --allowed-signers --threshold --release --host --rollback-index --kek --kek-format --query --no-query --explain --no-explain --prove --prove-share --lend --release-within --allow-old-kernel --check-interval --socket --group --group-may-attach --help -h'; else :; fi ;;
    'apply')
      if [[ $cur == -* ]]; then _dek_words '--json --reload --dry-run --keep-going --query --no-query --prove --prove-share --replace-key --kek --kek-format --socket --help -h'; else _dek_file; fi ;;
    'convert')
      if [[ $cur == -* ]]; then _dek_words '--json --from --to --name --credential --credential-id --import-kek-id --kek --kek-component --kek-format --kcv --output -o --force --help -h'; else _dek_file; fi ;;
    'create')
      if [[ $cur == -* ]]; then _dek_words '--json --dcv --keytag-value --opaque --plaintext --allow-equal-keys --format --socket --help -h'; else _dek_file; fi ;;
    'credential wrap')
      if [[ $cur == -* ]]; then _dek_words '--json --kek --kek-component --kek-format --kcv --input-format --output -o --force --format --help -h'; else _dek_source 'file: fd: cred: cmd: keyring:'; fi ;;
    'destroy')
      if [[ $cur == -* ]]; then _dek_words '--json --all --socket --help -h'; else :; fi ;;
    'device list')
      if [[ $cur == -* ]]; then _dek_words '--json --help -h'; else :; fi ;;
    'device show')
      if [[ $cur == -* ]]; then _dek_words '--json --help -h'; else :; fi ;;
    'doctor')
      if [[ $cur == -* ]]; then _dek_words '--json --device --manifest --allowed-signers --kek --probe --explain --no-explain --socket --help -h'; else :; fi ;;
    'events')
      if [[ $cur == -* ]]; then _dek_words '--json --since --kind --name --directory --help -h'; else :; fi ;;
    'explain')
      if [[ $cur == -* ]]; then _dek_words '--json --help -h'; else :; fi ;;
    'fleet init')
      if [[ $cur == -* ]]; then _dek_words '--json --host --hosts --publisher --auditor --add --fleet --help -h'; else :; fi ;;
    'fleet publish')
      if [[ $cur == -* ]]; then _dek_words '--json --host --hosts --all --fallback --manifests --keep --replace-key --replace-set --let-go --fleet --help -h'; else _dek_file; fi ;;
    'fleet rollout')
      if [[ $cur == -* ]]; then _dek_words '--json --waves --max-unavailable --wait --prove --host --hosts --all --fallback --manifests --keep --replace-key --replace-set --let-go --fleet --help -h'; else _dek_file; fi ;;
    'fleet status')
      if [[ $cur == -* ]]; then _dek_words '--json --follow --watch --unwell --prove --kek --prometheus --fleet --help -h'; else :; fi ;;
    'hardware-report')
      if [[ $cur == -* ]]; then _dek_words '--json --device --manifest --kek --kek-component --kek-format --kcv --deks --no-service --output -o --force --help -h'; else :; fi ;;
    'inspect')
      if [[ $cur == -* ]]; then _dek_words '--json --kek --kek-component --kek-format --kcv --help -h'; else _dek_file; fi ;;
    'kek components')
      if [[ $cur == -* ]]; then _dek_words '--json --output-dir --size --format --help -h'; else :; fi ;;
    'kek copy')
      if [[ $cur == -* ]]; then _dek_words '--json --kek-format --timeout --ring --master --force --help -h'; else _dek_source 'file: fd: cred: cmd: keyring:'; fi ;;
    'kek show')
      if [[ $cur == -* ]]; then _dek_words '--json --kek-component --kek-format --kcv --help -h'; else _dek_source 'file: fd: cred: cmd: keyring: pkcs11: afalg: kmip:'; fi ;;
    'kek usage')
      if [[ $cur == -* ]]; then _dek_words '--json --import-kek-id --socket --help -h'; else _dek_file; fi ;;
    'keygen')
      if [[ $cur == -* ]]; then _dek_words '--json --size --keytag --keytag-value --kek --kek-component --kek-format --kcv --name --count --first --opaque --manifest --import-kek-id --credential-id --credential --no-login --device --manifest-version --output -o --force --format --help -h'; else :; fi ;;
    'list')
      if [[ $cur == -* ]]; then _dek_words '--json --socket --help -h'; else :; fi ;;
    'login')
      if [[ $cur == -* ]]; then _dek_words '--json --credential --credential-id --import-kek-id --socket --help -h'; else :; fi ;;
    'logout')
      if [[ $cur == -* ]]; then _dek_words '--json --socket --help -h'; else :; fi ;;
    'manifest check')
      if [[ $cur == -* ]]; then _dek_words '--json --kek --kek-component --kek-format --kcv --add-dcv --help -h'; else _dek_file; fi ;;
    'manifest fetch')
      if [[ $cur == -* ]]; then _dek_words '--json --name --group --import-kek-id --credential-id --credential --kcv --device --replace-key --prune --output -o --help -h'; else :; fi ;;
    'manifest release')
      if [[ $cur == -* ]]; then _dek_words '--json --fallback --output -o --force --help -h'; else _dek_file; fi ;;
    'manifest set')
      if [[ $cur == -* ]]; then _dek_words '--json --host --any-host --not-after --no-not-after --next-login --import-kek-id --credential-id --kcv --no-next-login --remove --output -o --force --help -h'; else _dek_file; fi ;;
    'manifest sign')
      if [[ $cur == -* ]]; then _dek_words '--json --key --help -h'; else _dek_file; fi ;;
    'manifest upgrade')
      if [[ $cur == -* ]]; then _dek_words '--json --kek --kek-component --kek-format --kcv --output -o --force --help -h'; else _dek_file; fi ;;
    'manifest verify')
      if [[ $cur == -* ]]; then _dek_words '--json --allowed-signers --threshold --release --host --help -h'; else _dek_file; fi ;;
    'officer credential add')
      if [[ $cur == -* ]]; then _dek_words '--json --role --kek --kek-component --kek-format --kcv --input-format --credential --credential-id --import-kek-id --device --all-ports --plan --help -h'; else _dek_source 'file: fd: cred: cmd: keyring:'; fi ;;
    'officer credential delete')
      if [[ $cur == -* ]]; then _dek_words '--json --credential --credential-id --import-kek-id --device --all-ports --help -h'; else :; fi ;;
    'officer credential list')
      if [[ $cur == -* ]]; then _dek_words '--json --credential --credential-id --import-kek-id --device --all-ports --help -h'; else :; fi ;;
    'officer kek add')
      if [[ $cur == -* ]]; then _dek_words '--json --kek --kek-component --kek-format --kcv --wrapped --input-format --credential --credential-id --import-kek-id --device --all-ports --plan --help -h'; else _dek_source 'file: fd: cred: cmd: keyring:'; fi ;;
    'officer kek delete')
      if [[ $cur == -* ]]; then _dek_words '--json --credential --credential-id --import-kek-id --device --all-ports --manifest --force --socket --help -h'; else :; fi ;;
    'officer kek list')
      if [[ $cur == -* ]]; then _dek_words '--json --credential --credential-id --import-kek-id --device --all-ports --help -h'; else :; fi ;;
    'officer operational')
      if [[ $cur == -* ]]; then _dek_words '--json --kek --kek-component --kek-format --kcv --credential --credential-format --device --only --yes --plan --help -h'; else :; fi ;;
    'officer rotate')
      if [[ $cur == -* ]]; then _dek_words '--json --from --from-format --to --to-format --credential --credential-id --kept --wait --dry-run --yes --socket --help -h'; else _dek_file; fi ;;
    'officer status')
      if [[ $cur == -* ]]; then _dek_words '--json --credential --credential-id --import-kek-id --help -h'; else :; fi ;;
    'prove')
      if [[ $cur == -* ]]; then _dek_words '--json --all --record --force --socket --help -h'; else :; fi ;;
    'query')
      if [[ $cur == -* ]]; then _dek_words '--json --socket --help -h'; else :; fi ;;
    'rewrap')
      if [[ $cur == -* ]]; then _dek_words '--json --from --from-format --to --to-format --to-list --import-kek-id --output -o --force --help -h'; else _dek_file; fi ;;
    'rollback-index enroll')
      if [[ $cur == -* ]]; then _dek_words '--json --allowed-signers --threshold --release --host --force --help -h'; else _dek_source 'tpm: rpmb: file:'; fi ;;
    'rollback-index show')
      if [[ $cur == -* ]]; then _dek_words '--json --help -h'; else _dek_source 'tpm: rpmb: file:'; fi ;;
    'rpmb info')
      if [[ $cur == -* ]]; then _dek_words '--json --key --key-format --help -h'; else :; fi ;;
    'rpmb program')
      if [[ $cur == -* ]]; then _dek_words '--json --key --key-format --yes --help -h'; else :; fi ;;
    'rpmb read')
      if [[ $cur == -* ]]; then _dek_words '--json --key --key-format --address --blocks --frames --output -o --force --format --help -h'; else :; fi ;;
    'rpmb write')
      if [[ $cur == -* ]]; then _dek_words '--json --key --key-format --address --frames --output -o --force --format --help -h'; else _dek_file; fi ;;
    'run')
      if [[ $cur == -* ]]; then _dek_words '--device --manifest --watch --state --allowed-signers --threshold --release --host --rollback-index --kek --kek-format --query --no-query --explain --no-explain --prove --prove-share --lend --release-within --allow-old-kernel --check-interval --help -h'; else :; fi ;;
    'seal')
      if [[ $cur == -* ]]; then _dek_words '--json --name --not-after --with-key --with-key-format --output -o --force --help -h'; else _dek_file; fi ;;
    'selftest')
      if [[ $cur == -* ]]; then _dek_words '--json --help -h'; else :; fi ;;
    'spdk load')
      if [[ $cur == -* ]]; then _dek_words '--json --socket --manifest --name --kek --kek-component --kek-format --kcv --help -h'; else :; fi ;;
    'status')
      if [[ $cur == -* ]]; then _dek_words '--json --socket --follow --watch --help -h'; else :; fi ;;
    'unseal')
      if [[ $cur == -* ]]; then _dek_words '--json --name --with-key --with-key-format --output -o --force --help -h'; else _dek_file; fi ;;
    'unwrap')
      if [[ $cur == -* ]]; then _dek_words '--json --kek --kek-component --kek-format --kcv --input-format --size --keytag --manifest --name --reveal --output -o --force --format --help -h'; else _dek_file; fi ;;
    'virtual create')
      if [[ $cur == -* ]]; then _dek_words '--json --kek --kek-format --kek-id --credential --credential-format --credential-id --commissioning --import-mode --log-max-deks --group --devices --help -h'; else _dek_file; fi ;;
    'virtual exec')
      if [[ $cur == -* ]]; then _dek_words '--help -h'; else _dek_file; fi ;;
    'virtual set')
      if [[ $cur == -* ]]; then _dek_words '--json --device --help -h'; else _dek_file; fi ;;
    'virtual show')
      if [[ $cur == -* ]]; then _dek_words '--json --help -h'; else _dek_file; fi ;;
    'wrap')
      if [[ $cur == -* ]]; then _dek_words '--json --kek --kek-component --kek-format --kcv --input-format --size --keytag --dcv --dcv-input --dcv-output --manifest --name --first --opaque --output -o --force --format --help -h'; else _dek_source 'file: fd: cred: cmd: keyring:'; fi ;;
  esac
}
complete -F _dek dek
