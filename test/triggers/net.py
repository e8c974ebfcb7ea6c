#!/usr/bin/env python3
"""One network behaviour: net.py NAME [ARGUMENT...]. Prints what the test compares with."""
import errno
import os
import select
import socket
import sys
import time

LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def pair(family, address=None):
    """A listener, a client connected to it, and the accepted end."""
    listener = socket.socket(family)
    listener.bind((address or LOOPBACK[family], 0))
    listener.listen(5)
    client = socket.socket(family)
    client.connect(listener.getsockname()[:2])
    return listener, client, listener.accept()[0]


def tcp(name):
    """Prints the client's and the server's port; the client sends 1000 bytes and receives 10."""
    address = {"ipv4": None, "ipv6": None, "mapped": "::ffff:127.0.0.1"}[name]
    listener, client, server = pair(socket.AF_INET if name == "ipv4" else socket.AF_INET6, address)
    print(client.getsockname()[1], listener.getsockname()[1])
    client.sendall(b"x" * 1000)
    server.recv(2000)
    server.sendall(b"y" * 10)
    client.recv(100)
    client.close()
    time.sleep(0.02)
    server.close()


def failing(address, port, *, nonblocking=False):
    client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    client.setblocking(not nonblocking)
    code = client.connect_ex((address, port))
    if code == errno.EINPROGRESS:
        select.select([], [client], [], 5)
        code = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    print(errno.errorcode.get(code, "0"))


def refused():
    failing("127.0.0.1", 1)
    failing("127.0.0.1", 1, nonblocking=True)


def unreachable():
    """No route: the kernel refuses before it takes the address."""
    failing("203.0.113.1", 443)


def silent():
    """A listener whose queue is full drops what comes: gives up after two seconds. Prints the port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    print(listener.getsockname()[1])
    waiting = []
    for _ in range(3):
        client = socket.socket()
        client.settimeout(2)
        waiting.append(client)
        try:
            client.connect(listener.getsockname())
        except OSError as error:
            print(type(error).__name__)
            break


def udp():
    """Prints the bound port, and the ports of a connected and of an unconnected sender."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    connected = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    connected.connect(server.getsockname())
    connected.send(b"hello")
    free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(5):
        free.sendto(b"hello", server.getsockname())
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    six.sendto(b"hello", ("::1", 5353))
    six.sendto(b"hello", ("::ffff:127.0.0.1", 5354))
    print(server.getsockname()[1], connected.getsockname()[1], free.getsockname()[1])


def udp_each(count):
    """COUNT processes, one after the other, each with a socket of its own and one datagram."""
    for _ in range(int(count)):
        if os.fork() == 0:
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9876))
            os._exit(0)
        os.wait()


def raw():
    for family, kind, protocol in ((socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)), (socket.AF_VSOCK, socket.SOCK_STREAM, 0)):
        socket.socket(family, kind, protocol).close()
    # Netlink sockets are "raw" too, and every program has one.
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()


def dup():
    """Sockets become standard input and output; flags of another descriptor 2 do not count."""
    listener, client, server = pair(socket.AF_INET)
    print(client.getsockname()[1], listener.getsockname()[1], flush=True)
    os.dup2(client.fileno(), 0)
    os.close(1)
    import fcntl

    fcntl.fcntl(client.fileno(), fcntl.F_DUPFD, 0)
    fcntl.fcntl(0, fcntl.F_GETFL)


def answer(name, address):
    """A DNS answer for `name`: one A record."""
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0\0\1\0\1"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(address)
    return b"\x12\x34\x81\x80\0\1\0\1\0\0\0\0" + question + record


def dns():
    """Answers received by recv, recvmsg, read and recvfrom; then a connect to an address in one."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", 53))
    client.send(b"?" * 20)
    peer = server.recvfrom(100)[1]
    server.sendto(answer("a.example.test", "127.0.0.11"), peer)
    client.recv(2000, socket.MSG_PEEK)
    client.recv(2000)
    server.sendto(answer("b.example.test", "127.0.0.12"), peer)
    client.recvmsg(2000)
    server.sendto(answer("c.example.test", "127.0.0.13"), peer)
    os.read(client.fileno(), 2000)
    free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    free.sendto(b"?" * 20, ("127.0.0.1", 53))
    server.sendto(answer("d.example.test", "127.0.0.14"), server.recvfrom(100)[1])
    free.recvfrom(2000)
    for last in (11, 12, 13, 14):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect((f"127.0.0.{last}", 9))
    # Whose name servers count is read from /proc of the asking process: it is there
    # until a reader that other work delays has come so far.
    time.sleep(4)


def reach(address):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect((address, 9))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
