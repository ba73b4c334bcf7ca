# Sourced after checks.sh: dek as `npm install --global` puts it, the user dek, and the units.
mkdir -p /usr/lib/node_modules/mlx5-dek /etc/dek
mount --bind "$DEK_ROOT" /usr/lib/node_modules/mlx5-dek
ln -sfn ../lib/node_modules/mlx5-dek/bin/dek.cjs /usr/bin/dek
[ -x /usr/bin/node ] || ln -s "$DEK_NODE" /usr/bin/node
contrib=/usr/lib/node_modules/mlx5-dek/contrib/systemd
cp "$contrib/dek.sysusers" /usr/lib/sysusers.d/dek.conf
systemd-sysusers dek.conf 2>/dev/null

dropins=/etc/systemd/system/dek-agent.service.d
nic=/var/lib/nic

# place nic|nic-plain: the units, the NIC below the agent, which is all that differs from a host with one, and its
# manifest.
place() {
  cp "$contrib"/dek-agent.{service,socket} /etc/systemd/system
  cp -a "$KIT/$1" "$nic"
  chown -R dek:dek "$nic"
  install -m 644 "$KIT/manifest${1#nic}" /etc/dek/manifest
  drop_in virtual "Environment=LD_PRELOAD=$nic/uverbs.so SYSFS_PATH=$nic/sysfs DEK_VIRTUAL=$nic" "ReadWritePaths=$nic"
}

# drop_in NAME LINE...: into [Service] of the agent's unit.
drop_in() {
  mkdir -p "$dropins"
  { echo '[Service]'; printf '%s\n' "${@:2}"; } >"$dropins/$1.conf"
  systemctl daemon-reload
}

agent() { systemctl show --property "$1" --value dek-agent; }
agent_is() { is "$(agent "$1")" "$2"; }
# all_ready N: the agent runs, and holds so many DEKs, all READY.
all_ready() {
  is "$(systemctl is-active dek-agent) $(dek status --json | jq -c '[.deks.total, .deks.ready]')" "active [$1,$1]"
}
# Of a check that failed, what the agent has said.
explain() { journalctl --output cat --no-pager --unit dek-agent --lines 8 2>/dev/null; }
# Whether context and table are in the descriptor store.
stored() { systemctl show --property NFileDescriptorStore --value dek-agent; }
is_stored() { [ "$(stored)" -ge 2 ]; }

# service_attaches SECONDS: a service starts that moves data through the context of the agent, for SECONDS at most.
service_attaches() {
  install -m 755 "$KIT/client/blockstore" /usr/sbin
  cat >/etc/systemd/system/blockstore.service <<U
[Service]
Type=simple
User=dek
Environment=LD_PRELOAD=$nic/uverbs.so SYSFS_PATH=$nic/sysfs DEK_VIRTUAL=$nic
ExecStart=blockstore --attach --seconds $1 --blocks 64 /var/lib/nic/disk vol-001 vol-002
U
  systemctl daemon-reload
  check 'a service attaches' systemctl start blockstore
  comes 'and has DEKs' sh -c 'journalctl -o cat -u blockstore | grep -q ready'
}
# It is stopped, and has met no wrong block.
service_ends() {
  systemctl stop blockstore
  said=$(journalctl -o cat -u blockstore | tail -n 5)
  echo "$said"
  check 'it ends well: every block that it read was right' \
    is "$(systemctl show --property Result,ExecMainStatus --value blockstore | tr '\n' ' ')" 'success 0 '
}

# How many DEKs the NIC was ever asked for.
made() { dek virtual show "$nic" --json | jq '[.[].total.deks] | add'; }
# journal_says TEXT: they said it since the last call.
journal_says() { journal | grep -F -- "$1"; }
# What the agent and systemd said of it since the last call.
journal() {
  journalctl --output cat --no-pager --unit dek-agent --cursor-file /run/journal-cursor
}
