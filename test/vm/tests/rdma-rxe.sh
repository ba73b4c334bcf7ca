# A real /dev/infiniband/uverbs0 that is not mlx5's, by rdma_rxe: dek says so, and the unit's hardening lets it look at
# it, and at no other device.
# vm: systemd
. inside/checks.sh
. inside/product.sh

hardening=()
while read -r line; do hardening+=(--property "$line"); done < <(
  sed -n '/^# A user of its own/,/^\[Install\]/p' "$contrib/dek-agent.service" | grep -E '^[A-Z][A-Za-z]+='
)
# As the service runs, but with the program of our choice.
confined() { systemd-run --quiet --wait --pipe "${hardening[@]}" "$@"; }

check 'without RDMA in the kernel dek tells of no NIC' confined dek device list
echo "$said"

modprobe rdma_rxe
modprobe ib_uverbs
ip link add d0 type dummy
ip link set d0 up
check 'the kernel has an RDMA device' rdma link add rxe0 type rxe netdev d0
comes 'udev makes its node' test -c /dev/infiniband/uverbs0
ends 0 'dek finds it' dek device list
echo "$said"
says 'and says that it is not mlx5' rxe0 'not mlx5'
ends 0 'under the hardening of the unit too' confined dek device list
says 'with the same words' rxe0 'not mlx5'
check 'which lets it be opened' confined ibv_devinfo
says 'as the verbs library does' rxe0
ends 1 'and the real-time clock not' confined head -c 1 /dev/rtc0
ends 1 'without DeviceAllow= it cannot be opened' \
  confined --property DeviceAllow= sh -c 'ibv_devinfo | grep -q transport'
ends 4 'the agent refuses it' dek agent --socket /tmp/sock --device rxe0
echo "$said"
says 'by its name' rxe0 'mlx5'
place nic
check 'a virtual ConnectX beside it is all that the agent sees' systemctl start dek-agent
check 'and makes its DEKs on' agent_is StatusText '20 of 20 DEKs READY on mlx5_0'
