#!/usr/bin/python3
"""Listens on many TCP ports of one address in one process, each with a socket of its own, so that the host's own
TCP answers for each: open_ports.py ADDRESS PORTS [banner]. Accepts, says a line where `banner` is given, and closes when
the other side does or after ten seconds. SIGTERM ends it."""
import resource
import select
import socket
import sys
import time


def numbers(text):
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


address, text = sys.argv[1:3]
banner = "banner" in sys.argv[3:]
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
family = socket.AF_INET6 if ":" in address else socket.AF_INET
poll = select.epoll()
servers, clients = {}, {}
for port in numbers(text):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    server.listen(4096)
    server.setblocking(False)
    servers[server.fileno()] = server
    poll.register(server.fileno(), select.EPOLLIN)
print("listening", flush=True)
while True:
    for descriptor, _ in poll.poll(1):
        if descriptor in servers:
            try:
                client, _ = servers[descriptor].accept()
            except OSError:
                continue
            client.setblocking(False)
            if banner:
                try:
                    client.send(b"220 laboratory ready\r\n")
                except OSError:
                    pass
            clients[client.fileno()] = (client, time.monotonic())
            poll.register(client.fileno(), select.EPOLLIN)
        elif descriptor in clients:
            client = clients[descriptor][0]
            try:
                if client.recv(4096):
                    continue
            except BlockingIOError:
                continue
            except OSError:
                pass
            del clients[descriptor]
            poll.unregister(descriptor)
            client.close()
    late = time.monotonic() - 10
    for descriptor in [key for key, (_, since) in clients.items() if since < late]:
        poll.unregister(descriptor)
        clients.pop(descriptor)[0].close()
