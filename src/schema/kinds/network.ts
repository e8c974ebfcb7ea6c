/** Kinds about sockets and the network. */
import { CALL, EXIT, FILE, KERNEL, type KindSpec, NET, URING } from './spec.ts';

export const NETWORK_KINDS = {
  net_conn: {
    ...NET,
    what: 'A TCP connection was begun, or a UDP socket was connected',
    hook: `tp_btf/inet_sock_set_state (TCP), tp_btf/tcp_retransmit_skb for peers that do not answer; UDP and refused calls: ${EXIT} of connect, ${URING}`,
    from: 'struct sock',
    verified: 'yes; a connect that failed before the kernel took the address has what was passed (event.unverified)',
    blind:
      'A TCP event comes with the outcome, or after 1 s without one. UDP by io_uring with IOSQE_CQE_SKIP_SUCCESS: reported when submitted (event.unverified).',
    behaviors: [{ is: 'connected' }],
  },
  net_accept: {
    ...NET,
    what: 'A TCP connection was accepted; the peer is the source',
    hook: `${EXIT} of accept and accept4; ${URING}`,
    from: 'struct sock of the returned descriptor',
    verified: KERNEL,
    blind:
      'By io_uring: with IOSQE_CQE_SKIP_SUCCESS; before 6.13 into a slot of the ring, and those of one request for many connections.',
    behaviors: [{ is: 'accepted' }],
  },
  net_listen: {
    ...NET,
    what: 'A socket listens, or a UDP socket was bound',
    hook: `${EXIT} of listen and bind; ${URING}`,
    from: 'struct sock',
    verified: KERNEL,
    blind: 'UDP sockets bound by io_uring with IOSQE_CQE_SKIP_SUCCESS.',
    behaviors: [{ is: 'listened' }],
  },
  net_close: {
    ...NET,
    what: 'A TCP connection ended',
    hook: 'tp_btf/inet_sock_set_state',
    from: 'struct tcp_sock: bytes_sent less bytes_retrans, bytes_received',
    verified: KERNEL,
    blind:
      'The process is the one that opened the connection. Of a connection older than the sensor that was reset, the process is not known.',
  },
  net_send: {
    ...NET,
    what: 'First datagram of an unconnected UDP socket to a peer',
    hook: 'cgroup/sendmsg4, cgroup/sendmsg6; without a cgroup v2 hierarchy tp_btf/sys_exit of the send calls',
    from: "the kernel's copy of the address; struct sock",
    verified: 'yes; at sys_exit the destination is what was passed',
    blind: 'Further datagrams to the same peer are in network_bytes_total only.',
    behaviors: [{ is: 'connected' }],
  },
  net_dns: {
    ...NET,
    struct: 'dns_event',
    feeds: 'daemon',
    keeps: 'names',
    what: 'A DNS answer was read; feeds network.destination.hostname',
    hook: `${EXIT} of recvfrom, recvmsg, recvmmsg and read of a socket with peer port 53`,
    from: 'user memory after the call',
    verified: 'no: the process could have changed the answer after it came',
    blind:
      'Encrypted DNS (port 853, HTTPS), answers of a resolver on a Unix socket (nscd, nss-resolve), and what io_uring received. Answers of servers that are not in the process’s own resolv.conf are not believed, and what one process was told is not said of another.',
  },
  socket_raw: {
    ...CALL,
    group: 'network',
    what: 'A raw, packet or vsock socket was made',
    hook: `${EXIT} of socket; ${URING}`,
    from: 'registers; the request',
    verified: 'yes: registers at the end of the call',
  },
  socket_create: {
    ...CALL,
    group: 'network',
    what: 'A socket of a rare family (netlink, alg, bluetooth …), or a ping socket, was made',
    hook: `${EXIT} of socket; ${URING}`,
    from: 'registers; the request',
    verified: 'yes: registers at the end of the call',
    blind: 'What goes through it. Every look-up of a name by glibc makes a netlink socket.',
  },
  unix_connect: {
    ...FILE,
    group: 'network',
    what: 'A Unix socket was connected',
    hook: `${EXIT} of connect`,
    from: 'struct unix_sock of the peer: dentry and mount walk',
    verified: 'yes; a failed connect has the text that was passed (event.unverified)',
    blind: 'By io_uring. Datagrams to a path without a connect. The name of an abstract socket begins with @.',
  },
  socket_dup: {
    ...CALL,
    group: 'network',
    what: 'A connected socket became standard input, output or error',
    hook: `${EXIT} of dup, dup2, dup3, fcntl`,
    from: 'struct sock of the new descriptor',
    verified: KERNEL,
    blind: 'A shell that passes data between a socket and a pipe itself has no such descriptor.',
  },
} as const satisfies Record<string, KindSpec>;
