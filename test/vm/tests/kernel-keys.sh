# KEKs in the kernel's keyrings, afalg: and keyring:, by hand and in the agent under its unit.
# vm: systemd megabytes=1024 seconds=600
. inside/checks.sh
. inside/product.sh
place nic-plain

uname -r
node ../../dist/test/vm/inside/afalg.js || failures=1
check 'the user gets the same from the command line' keyctl session - sh -c "
  keyctl link @u @s && keyctl padd logon kek:cli @u <$KIT/import-kek && dek kek show afalg:logon:kek:cli --json"
says 'with one warning' 'AF_ALG, which afalg: uses, is deprecated'
wanted=$(dek kek show "file:$KIT/import-kek" --json | jq -r .kcv)
says 'and the same KCV' "$wanted"

useradd --system stranger
check 'another user has no such key' sh -c '! runuser -u stranger -- dek kek show afalg:logon:kek:cli'

systemctl enable dek-agent.socket dek-agent.service 2>/dev/null
systemd-creds encrypt --with-key=host --name=import-kek "$KIT/import-kek" /etc/dek/import-kek.cred 2>/dev/null
cp "$contrib/dek-import-kek@.service" /etc/systemd/system

cp "$contrib/keyring.conf" "$dropins"
systemctl daemon-reload
check 'with keyring.conf the agent starts' systemctl start dek-agent
check 'all DEKs are READY' all_ready 20
check 'reload' systemctl reload dek-agent
check 'stop' systemctl stop dek-agent dek-import-kek@user
rm "$dropins/keyring.conf"

cp "$contrib/afalg.conf" "$dropins"
systemctl daemon-reload
journal >/dev/null
check 'with afalg.conf the agent starts' systemctl start dek-agent
check 'all DEKs are READY' all_ready 20
check 'reload' systemctl reload dek-agent
warnings=$(journal | grep -c 'is deprecated')
check 'which warns once' is "$warnings" 1
ends 1 'the user of the agent cannot read the key' systemd-run --quiet --wait --pipe --property User=dek \
  sh -c 'keyctl link @u @s; keyctl print %logon:dek:import-kek'
says 'though it is there' 'Operation not supported'
pid=$(agent MainPID)
check 'nothing of it is in its memory' node ../../dist/test/vm/inside/search.js "$pid" "$KIT/import-kek"
echo "$said"
check 'and has no socket of AF_ALG open' is "$(awk '$1 == "ALG" {print $3}' /proc/net/protocols)" 0
systemctl stop dek-import-kek@logon
check 'the key is gone, and the agent with it' sh -c \
  '! grep -q dek:import-kek /proc/keys && ! systemctl is-active dek-agent'
systemctl stop dek-agent.socket

# The unit alone forbids the family, and the words name that.
sed -i /RestrictAddressFamilies/d "$dropins/afalg.conf"
systemctl daemon-reload
journal >/dev/null
systemctl start --no-block dek-agent
comes 'without RestrictAddressFamilies= the journal says what to set' \
  sh -c 'journalctl -o cat -u dek-agent | grep -q "RestrictAddressFamilies=AF_ALG"'
systemctl stop dek-agent.socket dek-agent
