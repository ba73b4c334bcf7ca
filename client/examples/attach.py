#!/usr/bin/python3
"""Attach to the context of a dek agent from Python, with pyverbs: dek-attach(7).

    attach.py [SOCKET]

Prints the DEKs of the table, then moves plain data through a queue pair of its own in the agent's context. pyverbs'
Mlx5DEK can only create DEKs, so that what encrypts with one of the agent's is a program in C (libmlx5dek), or one that
writes its work requests itself: the object id and the keytag are in the table.
"""
import array
import mmap
import os
import socket
import struct
import sys

import pyverbs.enums as e
from pyverbs.addr import AHAttr, GlobalRoute
from pyverbs.cq import CQ
from pyverbs.device import Context
from pyverbs.mr import MR
from pyverbs.pd import PD
from pyverbs.qp import QP, QPAttr, QPCap, QPInitAttr
from pyverbs.wr import SGE, SendWR

UPGRADE = b"GET /v1/attach HTTP/1.1\r\nHost: dek\r\nConnection: Upgrade\r\nUpgrade: dek-attach/1\r\n\r\n"
ATTACH, DETACH, CONTEXT, TABLE, REFUSAL = 2, 4, 16, 17, 21
HEADER, ENTRY = 128, 176
BYTES = 4096


class Agent:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.bytes, self.fds = b"", []
        self.socket.sendall(UPGRADE)
        while b"\r\n\r\n" not in self.bytes:
            self.receive()
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise OSError("this agent knows neither lend nor attach")

    def receive(self):
        """Always by recvmsg: a read would lose the descriptors."""
        data, ancillary, _, _ = self.socket.recvmsg(1 << 17, socket.CMSG_SPACE(16), socket.MSG_CMSG_CLOEXEC)
        for _, _, fds in ancillary:
            self.fds.extend(array.array("i", fds))
        if not data:
            raise EOFError("the agent has gone")
        self.bytes += data

    def record(self):
        while len(self.bytes) < 8:
            self.receive()
        kind, _, length = struct.unpack_from("<HHI", self.bytes)
        while len(self.bytes) < 8 + length:
            self.receive()
        payload, self.bytes = self.bytes[8 : 8 + length], self.bytes[8 + length :]
        if kind == REFUSAL:
            number = struct.unpack_from("<I", payload)[0]
            raise OSError(number, payload[16:].decode())
        return kind, payload

    def send(self, kind, payload):
        self.socket.sendall(struct.pack("<HHI", kind, 1, len(payload)) + payload)


def entries(fd, size):
    with mmap.mmap(fd, size, prot=mmap.PROT_READ) as table:
        count = struct.unpack_from("<I", table, 16)[0]
        for at in range(HEADER, HEADER + count * ENTRY, ENTRY):
            name = table[at : at + 128].rstrip(b"\0").decode()
            object_id, handle, bits = struct.unpack_from("<IIH", table, at + 128)
            yield name, object_id, handle, bits


def move_plain_data(context, pd):
    """An RDMA WRITE from one half of a buffer into the other, by a queue pair that is connected with itself."""
    cq, mr = CQ(context, 8), MR(pd, 2 * BYTES, e.IBV_ACCESS_LOCAL_WRITE | e.IBV_ACCESS_REMOTE_WRITE)
    attr = QPAttr(port_num=1)
    attr.qp_access_flags = e.IBV_ACCESS_REMOTE_WRITE
    qp = QP(pd, QPInitAttr(qp_type=e.IBV_QPT_RC, scq=cq, rcq=cq, cap=QPCap(max_send_wr=4)), attr)
    attr.dest_qp_num, attr.path_mtu, attr.max_dest_rd_atomic, attr.max_rd_atomic = qp.qp_num, e.IBV_MTU_1024, 1, 1
    attr.min_rnr_timer, attr.timeout, attr.retry_cnt, attr.rnr_retry = 12, 14, 7, 7
    route = GlobalRoute(dgid=context.query_gid(1, 0), sgid_index=0)
    attr.ah_attr = AHAttr(port_num=1, is_global=1, gr=route)
    qp.to_rts(attr)
    mr.write("plain" * (BYTES // 5), BYTES // 5 * 5)
    write = SendWR(num_sge=1, sg=[SGE(mr.buf, BYTES, mr.lkey)], opcode=e.IBV_WR_RDMA_WRITE)
    write.set_wr_rdma(mr.rkey, mr.buf + BYTES)
    qp.post_send(write)
    done = 0
    while not done:
        done, completions = cq.poll()
    if completions[0].status != e.IBV_WC_SUCCESS:
        raise OSError(f"the write completed with status {completions[0].status}")
    if mr.read(BYTES, BYTES) != mr.read(BYTES, 0):
        raise OSError("the data is not what was sent")
    for one in (qp, mr, cq):
        one.close()


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("DEK_AGENT_SOCKET", "/run/dek/agent.sock")
    agent = Agent(path)
    agent.send(ATTACH, bytes(80))
    kind, payload = agent.record()
    pd_handle = struct.unpack_from("<I", payload)[0]
    context = Context(cmd_fd=agent.fds.pop(0))
    pd = PD(context, handle=pd_handle)
    while kind != TABLE:
        kind, payload = agent.record()
    size = struct.unpack_from("<Q", payload, 8)[0]
    for name, object_id, handle, bits in entries(agent.fds.pop(0), size):
        print(f"{name}: object id {object_id:#x}, handle {handle}, {bits} bits")
    move_plain_data(context, pd)
    print(f"moved {BYTES} bytes")
    pd.unimport()
    context.close()
    agent.send(DETACH, bytes(4))


if __name__ == "__main__":
    main()
