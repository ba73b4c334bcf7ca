# The package dek is installed, upgraded, removed and purged under a real systemd, while an agent holds DEKs and a
# service uses them.
# vm: systemd packages megabytes=2048 seconds=1000
. inside/checks.sh
. inside/product.sh
umount /usr/lib/node_modules/mlx5-dek
rm /usr/bin/dek /usr/lib/sysusers.d/dek.conf
contrib=$DEK_ROOT/contrib/systemd
show() { "$DEK_NODE" "$DEK_ROOT/bin/dek.cjs" virtual show "$nic" --json; }

check 'install' dpkg -i "$KIT/dek.deb"
place nic
rm /etc/systemd/system/dek-agent.service /etc/systemd/system/dek-agent.socket
systemctl daemon-reload
check 'the unit is that of the package' is "$(agent FragmentPath)" /lib/systemd/system/dek-agent.service
check 'start' systemctl start dek-agent.socket dek-agent.service
check 'all DEKs are READY' all_ready 20
stored() { systemctl show --property NFileDescriptorStore --value dek-agent; }
is_stored() { [ "$(stored)" -ge 2 ]; }
comes 'context and table are in the descriptor store' is_stored

install -m 755 "$KIT/client/blockstore" /usr/sbin
cat >/etc/systemd/system/blockstore.service <<U
[Service]
Type=simple
User=dek
Environment=LD_PRELOAD=$nic/uverbs.so SYSFS_PATH=$nic/sysfs DEK_VIRTUAL=$nic
ExecStart=blockstore --attach --seconds 900 --blocks 64 /var/lib/nic/disk vol-001 vol-002
U
systemctl daemon-reload
check 'a service attaches' systemctl start blockstore
comes 'and has DEKs' sh -c 'journalctl -o cat -u blockstore | grep -q ready'

pid=$(agent MainPID)
before=$(made)
check 'upgrade' dpkg -i "$KIT/dek-next.deb"
check 'is installed' sh -c 'dpkg-query -W -f "\${Version}" dek | grep -q "+next$"'
check 'the agent was started again' test "$(agent MainPID)" != "$pid"
check 'all DEKs are READY' all_ready 20
check 'none was made again' is "$(made)" "$before"
check 'the service goes on' is "$(systemctl is-active blockstore)" active
systemctl stop blockstore
said=$(journalctl -o cat -u blockstore | tail -n 5)
echo "$said"
check 'it ends well: every block that it read was right' \
  is "$(systemctl show --property Result,ExecMainStatus --value blockstore | tr '\n' ' ')" 'success 0 '

check 'remove' dpkg -r dek
check 'stops the agent' is "$(systemctl is-active dek-agent)" inactive
check 'leaves nothing on the NIC' is "$(show | jq -c '[.[].live | .contexts, .deks]')" '[0,0]'
check 'leaves the manifest' cmp "$KIT/manifest" /etc/dek/manifest
check 'purge' dpkg -P dek
check 'leaves nothing' test ! -e /etc/dek -a ! -e /usr/bin/dek -a ! -e "$dropins"
check 'and no user' sh -c '! getent passwd dek'
