# The agent under its unit with a rollback index in an eMMC: an older generation is refused, also after the disk was set
# back.
# vm: systemd emmc megabytes=1024 seconds=600
. inside/checks.sh
. inside/product.sh
place nic
rpmb=/dev/mmcblk0rpmb
cp "$contrib/60-dek-rpmb.rules" /etc/udev/rules.d
udevadm control --reload
modprobe -a sdhci-pci mmc_block
# A starved udev may see the node before it has read the rule.
has_rule() { udevadm trigger --settle --subsystem-match=mmc_rpmb && is "$(stat -c '%a %G' $rpmb)" '660 dek'; }
comes 'the rule gives the RPMB to the group dek' has_rule

cd /root || exit
head -c 32 /dev/urandom >key
chmod 600 key
ssh-keygen -q -t ed25519 -N '' -f officer
echo "officer $(cat officer.pub)" >/etc/dek/allowed_signers
sign() {
  rm -f /etc/dek/manifest.sig
  dek manifest sign /etc/dek/manifest --key file:officer
  chmod 644 /etc/dek/manifest*
}
generation() { dek rollback-index show "rpmb:$rpmb?key=file:key" --json | jq .generation; }
enroll() {
  dek rollback-index enroll "rpmb:$rpmb?key=file:key" /etc/dek/manifest --allowed-signers /etc/dek/allowed_signers
}

check 'the manifest is signed' sign
ends 7 'without a key in the memory nothing is enrolled' enroll
check 'program' dek rpmb program "$rpmb" --key file:key --yes
systemd-creds encrypt --with-key=host --name=rpmb-key key /etc/dek/rpmb-key.cred 2>/dev/null
cp "$contrib/rollback-index-rpmb.conf" "$dropins"
systemctl daemon-reload
systemctl start --no-block dek-agent
comes 'an empty index accepts nothing' journal_says 'is empty'
systemctl stop dek-agent.socket dek-agent
check 'enroll' enroll
check 'with it the agent starts' systemctl start dek-agent
check 'all DEKs are READY' all_ready 20
cp -a /etc/dek /root/last-week

before=$(generation)
check 'one more DEK' dek keygen --manifest /etc/dek/manifest --name vol-100 --keytag --kek "file:$KIT/import-kek"
check 'signed' sign
check 'reload' systemctl reload dek-agent
check 'has it made' all_ready 21
check 'and the index has moved' is "$(generation)" $((before + 1))

cp -a /root/last-week/manifest* /etc/dek
journal >/dev/null
ends 1 'the manifest of last week is refused' systemctl reload dek-agent
check 'as the journal says' journal_says 'has accepted generation'
check 'and the DEKs stay' all_ready 21
systemctl stop dek-agent.socket dek-agent
journal >/dev/null
systemctl start --no-block dek-agent
comes 'a start refuses it too' journal_says 'has accepted generation'
echo "$said"
check 'and makes no DEK' is "$(dek virtual show "$nic" --json | jq -c '[.[].live.deks]')" '[0]'
check 'the index is the one of before' is "$(generation)" $((before + 1))
systemctl stop dek-agent.socket dek-agent
