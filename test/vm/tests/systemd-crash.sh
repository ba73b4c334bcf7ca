# The agent ends badly under a real systemd: killed, hung, started again; what becomes of the DEKs, of a service that
# has attached, and of one that is bound to the agent.
# vm: systemd megabytes=1024 seconds=800
. inside/checks.sh
. inside/product.sh
place nic

# Another process than the one of before: $pid.
is_another() { now=$(agent MainPID); [ "$now" -gt 1 ] && [ "$now" != "$pid" ]; }

useradd --system storage
printf '#!/bin/sh\nexec sleep infinity\n' >/usr/sbin/storage
chmod 755 /usr/sbin/storage
cp "$contrib/storage.service.example" /etc/systemd/system/storage.service
systemctl daemon-reload
systemctl enable dek-agent.socket dek-agent.service storage.service 2>/dev/null
check 'a service that requires the agent starts it' systemctl start storage
check 'after all DEKs are READY' all_ready 20
comes 'context and table are in the descriptor store' is_stored

# A service moves data through the context of the agent, from here to its second end.
service_attaches 600

pid=$(agent MainPID)
before=$(made)
storage=$(systemctl show --property MainPID --value storage)
kill -9 "$pid"
comes 'killed, the agent is started again' is_another
comes 'all DEKs are READY' all_ready 20
check 'none was made again: they were in the descriptor store' is "$(made)" "$before"
check 'the service that has attached goes on' is "$(systemctl is-active blockstore)" active
comes 'the service that is bound to it is started again' systemctl is-active storage
check 'since it was stopped with the agent' test "$(systemctl show --property MainPID --value storage)" != "$storage"

pid=$(agent MainPID)
check 'restart' systemctl restart dek-agent
check 'has all DEKs' all_ready 20
check 'and made none' is "$(made)" "$before"
check 'the service that has attached goes on' is "$(systemctl is-active blockstore)" active
service_ends

check 'stop' systemctl stop dek-agent
check 'empties the store' is "$(stored)" 0
check 'and the NIC' is "$(dek virtual show "$nic" --json | jq -c '[.[].live | .contexts, .deks]')" '[0,0]'
comes 'the service that is bound to it ends' is "$(systemctl is-active storage)" inactive

# Without a store, and with a watchdog that does not wait as long as the shipped one.
drop_in test FileDescriptorStoreMax=0 WatchdogSec=30
check 'start without a store' systemctl start dek-agent
before=$(made)
pid=$(agent MainPID)
kill -9 "$pid"
comes 'killed, it is started again' is_another
comes 'with all DEKs' all_ready 20
check 'which were made again' is "$(made)" "$((before + 20))"
pid=$(agent MainPID)
journal >/dev/null
kill -STOP "$pid"
comes 'hung, it is started again' is_another
said=$(journal)
says 'by the watchdog' 'Watchdog timeout'
comes 'with all DEKs' all_ready 20
check 'which were made again' is "$(made)" "$((before + 40))"
