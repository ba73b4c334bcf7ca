# The shipped units under a real systemd: start, status text, who may ask, reload, stop, start by a request.
# vm: systemd megabytes=1024 seconds=600
. inside/checks.sh
. inside/product.sh
place nic

ends 1 'systemd does not take the machine for a container' systemd-detect-virt --quiet --container
check 'the units are enabled' systemctl enable dek-agent.socket dek-agent.service
check 'the socket starts' systemctl start dek-agent.socket
check 'it belongs to the group dek' is "$(stat -c '%a %U %G' /run/dek /run/dek/agent.sock | tr '\n' ' ')" \
  '755 root root 660 root dek '
check 'the service is READY' systemctl start dek-agent
check 'when all DEKs are' all_ready 20
check 'its status says so' agent_is StatusText '20 of 20 DEKs READY on mlx5_0'

pid=$(agent MainPID)
grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' "/proc/$pid/status"
check 'it runs as dek' is "$(stat -c %U "/proc/$pid")" dek
check 'without capabilities' grep -qE '^CapEff:\s*0+$' "/proc/$pid/status"
check 'under a filter of system calls' grep -qE '^Seccomp:\s*2$' "/proc/$pid/status"
check 'without core dumps' grep -qE '^Max core file size +0 +0' "/proc/$pid/limits"
check 'systemd-analyze security' systemd-analyze security --no-pager --threshold=20 dek-agent.service
echo "$said" | tail -n 1

useradd --system storage
ends 4 'a user outside of the group is refused' runuser -u storage -- dek status
gpasswd --add storage dek >/dev/null
check 'a member of the group is not' runuser -u storage -- dek status

journal >/dev/null
cp /etc/dek/manifest /tmp/manifest
check 'one more DEK' dek keygen --manifest /tmp/manifest --name vol-100 --keytag --kek "file:$KIT/import-kek"
install -m 644 /tmp/manifest /etc/dek/manifest.new && mv /etc/dek/manifest.new /etc/dek/manifest
check 'reload' systemctl reload dek-agent
comes 'has it made' agent_is StatusText '21 of 21 DEKs READY on mlx5_0'
echo rubbish >/etc/dek/manifest
ends 1 'reload of a broken manifest fails' systemctl reload dek-agent
said=$(journal)
says 'and the journal says why' 'line 1: is not JSON'
check 'the service stays' is "$(systemctl is-active dek-agent)" active
check 'with its DEKs' all_ready 21
install -m 644 /tmp/manifest /etc/dek/manifest
systemctl kill --signal HUP --kill-who main dek-agent
comes 'SIGHUP reads it again' \
  sh -c 'journalctl --output cat --unit dek-agent | tail -n 3 | grep -q "\"unchanged\":21"'
check 'the process is the same all the time' agent_is MainPID "$pid"

check 'stop' systemctl stop dek-agent.socket dek-agent
check 'is a good end' is "$(agent Result) $(agent ActiveState)" 'success inactive'
check 'leaves nothing on the NIC' is \
  "$(dek virtual show "$nic" --json | jq -c '[.[].live | .contexts, .pds, .logins, .deks]')" '[0,0,0,0]'
ends 3 'and nobody who asks starts it' dek status
check 'it stays stopped' is "$(systemctl is-active dek-agent)" inactive
check 'the socket again' systemctl start dek-agent.socket
comes 'a request starts the service' dek status
check 'with all DEKs' all_ready 21
