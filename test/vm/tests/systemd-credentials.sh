# The drop-ins that pass the import KEK and the manifest as credentials of a real systemd: encrypted for this host, for
# its TPM, and refused when the TPM's PCRs are others.
# vm: systemd tpm megabytes=1024 seconds=800
. inside/checks.sh
. inside/product.sh
place nic-plain

encrypt() { systemd-creds encrypt --name=import-kek "$@" "$KIT/import-kek" /etc/dek/import-kek.cred; }
failed_by_credentials() { agent_is ExecMainStatus 243; }

systemctl enable dek-agent.socket dek-agent.service 2>/dev/null
cp "$contrib/import-kek.conf" "$dropins"
systemctl daemon-reload
check 'the KEK is encrypted for this host' encrypt --with-key=host
check 'the agent unwraps with it' systemctl start dek-agent
check 'all DEKs are READY' all_ready 20
check 'reload' systemctl reload dek-agent
pid=$(agent MainPID)
credential=/run/credentials/dek-agent.service/import-kek
check 'the credential is for the agent alone' is "$(stat -c '%a %U' "$credential")" '400 dek'
check 'and nothing of it is in the environment' \
  sh -c "! tr '\0' '\n' </proc/$pid/environ | grep -i kek= | grep -v cred:"

check 'the KEK is encrypted for the TPM, in this state' encrypt --with-key=tpm2 --tpm2-pcrs=7
check 'restart' systemctl restart dek-agent
check 'all DEKs are READY' all_ready 20
check 'stop' systemctl stop dek-agent
journal >/dev/null
check 'the state of the TPM changes' tpm2_pcrextend -T device:/dev/tpmrm0 "7:sha256=$(printf '00%.0s' $(seq 32))"
systemctl start --no-block dek-agent
comes 'the TPM does not give the KEK' failed_by_credentials
comes 'systemd says why' sh -c 'journalctl -o cat | grep -q "policy digest does not match"'
check 'and the NIC has no DEK' is "$(dek virtual show "$nic" --json | jq -c '[.[].live.deks]')" '[0]'
check 'stop' systemctl stop dek-agent.socket dek-agent

check 'the KEK is encrypted for this host' encrypt --with-key=host
cp "$contrib/manifest-credential.conf" "$dropins"
chmod 600 /etc/dek/manifest
systemctl daemon-reload
check 'the manifest is for root alone, and comes as a credential' systemctl start dek-agent
check 'all DEKs are READY' all_ready 20
ends 3 'there is nothing to reload' systemctl reload dek-agent
