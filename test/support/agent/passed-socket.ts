/** How a service manager passes a socket on: sd_listen_fds(3). */

/**
 * Python 3: `-c PASS_ON PATH COUNT CMD...` binds a socket at PATH (none when it is empty), makes it descriptor 3 of
 * this process, says that there are COUNT, and becomes CMD.
 */
export const PASS_ON = `import os, socket, sys
path, count, *command = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
if path: s.bind(path); s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=count, LISTEN_FDNAMES="dek-agent.socket")
os.execvp(command[0], command)`;
