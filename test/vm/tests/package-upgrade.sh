# The package dek is installed, upgraded, removed and purged under a real systemd, while an agent holds DEKs and a
# service uses them.
# vm: systemd packages megabytes=2048 seconds=1000
. inside/checks.sh
. inside/product.sh
umount /usr/lib/node_modules/mlx5-dek
rm /usr/bin/dek /usr/lib/sysusers.d/dek.conf
rm -f /usr/sbin/policy-rc.d # of a host that is a container: it forbids to start and stop services
contrib=$DEK_ROOT/contrib/systemd
show() { "$DEK_NODE" "$DEK_ROOT/bin/dek.cjs" virtual show "$nic" --json; }

check 'install' dpkg -i "$KIT/dek.deb"
place nic
rm /etc/systemd/system/dek-agent.service /etc/systemd/system/dek-agent.socket
systemctl daemon-reload
check 'the unit is that of the package' is "$(agent FragmentPath)" /lib/systemd/system/dek-agent.service
check 'start' systemctl start dek-agent.socket dek-agent.service
check 'all DEKs are READY' all_ready 20
comes 'context and table are in the descriptor store' is_stored

service_attaches 900

pid=$(agent MainPID)
before=$(made)
check 'upgrade' dpkg -i "$KIT/dek-next.deb"
check 'is installed' sh -c 'dpkg-query -W -f "\${Version}" dek | grep -q "+next$"'
check 'the agent was started again' test "$(agent MainPID)" != "$pid"
check 'all DEKs are READY' all_ready 20
check 'none was made again' is "$(made)" "$before"
check 'the service goes on' is "$(systemctl is-active blockstore)" active
service_ends

check 'remove' dpkg -r dek
check 'stops the agent' is "$(systemctl is-active dek-agent)" inactive
check 'leaves nothing on the NIC' is "$(show | jq -c '[.[].live | .contexts, .deks]')" '[0,0]'
check 'leaves the manifest' cmp "$KIT/manifest" /etc/dek/manifest
check 'purge' dpkg -P dek
check 'leaves nothing' test ! -e /etc/dek -a ! -e /usr/bin/dek -a ! -e "$dropins"
check 'and no user' sh -c '! getent passwd dek'
