#!/usr/bin/env python3
"""The other side of a scene, in the background: peer.py tcp|udp|http PORT [TEXT|DIRECTORY]

tcp: sends the text to each who connects and reads what comes; udp: reads;
http: serves the directory and takes uploads. Returns once it listens.
"""
import functools
import http.server
import os
import socket
import sys
import threading


class Server(http.server.SimpleHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.end_headers()

    do_PUT = do_POST


def talk(peer, text):
    with peer:
        peer.settimeout(20)
        try:
            peer.sendall(text.encode())
            while peer.recv(65536):
                pass
        except OSError:
            return


kind, port = sys.argv[1], int(sys.argv[2])
rest = sys.argv[3] if len(sys.argv) > 3 else ""
if kind == "http":
    server = http.server.ThreadingHTTPServer(("0.0.0.0", port), functools.partial(Server, directory=rest or "/srv"))
    serve = server.serve_forever
elif kind == "udp":
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("0.0.0.0", port))

    def serve():
        while True:
            udp.recv(65536)
else:
    tcp = socket.create_server(("0.0.0.0", port))

    def serve():
        while True:
            threading.Thread(target=talk, args=(tcp.accept()[0], rest)).start()


if os.fork() == 0:
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    serve()
