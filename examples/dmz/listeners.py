#!/usr/bin/python3
"""Small listeners for protocols whose servers Debian does not have or that start too slowly for a laboratory.

    listeners.py PROTOCOL=ADDRESS:PORT...

Each answers the first message of its protocol as a server would, so that who asks can tell what speaks there, and
closes. Protocols: rdp, msrpc, mssql, banner (a line of text), snmp (UDP), sink (UDP, never answers), and
exec (a program with the connection as its standard input and output: exec=ADDRESS:PORT -- PROGRAM ARGUMENT...).
"""
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading


def receive(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def rdp(connection):
    """X.224 connection request in a TPKT (MS-RDPBCGR 2.2.1.1): confirmed with TLS as the selected protocol."""
    version, _, length = struct.unpack("!BBH", receive(connection, 4))
    if version != 3 or not 7 <= length <= 1024:
        return
    request = receive(connection, length - 4)
    if request[1] & 0xF0 != 0xE0:
        return
    negotiation = struct.pack("<BBHI", 2, 0, 8, 1) if b"\x01\x00\x08\x00" in request else b""
    x224 = struct.pack("!BHHB", 0xD0, 0, 0x1234, 0) + negotiation
    connection.sendall(struct.pack("!BBHB", 3, 0, 5 + len(x224), len(x224)) + x224)
    connection.settimeout(2)
    connection.recv(4096)


def msrpc(connection):
    """DCE/RPC bind (C706 12.6.4.3): acknowledged, every offered context accepted with NDR."""
    header = receive(connection, 16)
    version, _, kind = header[0], header[1], header[2]
    (length,) = struct.unpack("<H", header[8:10])
    call = header[12:16]
    if version != 5 or kind != 11 or not 28 <= length <= 4096:
        return
    contexts = receive(connection, length - 16)[8]
    address = b"135\0"
    ndr = bytes.fromhex("045d888aeb1cc9119fe808002b10486002000000")
    body = struct.pack("<HHIH", 4280, 4280, 0x1234, len(address)) + address
    body += b"\0" * (-(16 + len(body)) % 4)
    body += struct.pack("<Bxxx", contexts) + (struct.pack("<HH", 0, 0) + ndr) * contexts
    connection.sendall(struct.pack("<BBBBIHH", 5, 0, 12, 3, 0x10, 16 + len(body), 0) + call + body)


def mssql(connection):
    """TDS PRELOGIN (MS-TDS 2.2.6.5): answered with a version and "encryption not supported"."""
    kind, _, length = struct.unpack("!BBH", receive(connection, 4))
    if kind != 0x12 or not 8 <= length <= 4096:
        return
    receive(connection, length - 4)
    options = struct.pack("!BHHBHHB", 0, 11, 6, 1, 17, 1, 0xFF)
    body = options + struct.pack("!BBHH", 15, 0, 2000, 0) + b"\x02"
    connection.sendall(struct.pack("!BBHHBB", 4, 1, 8 + len(body), 0, 1, 0) + body)


def banner(connection):
    connection.sendall(b"move-agent 1.4 ready\r\n")
    connection.settimeout(2)
    connection.recv(512)


def ber(tag, content):
    return bytes([tag, len(content)]) + content


def snmp(request):
    """An SNMP get (RFC 3416 3): the same request id, with sysDescr as the only value."""
    if len(request) < 20 or request[0] != 0x30 or request[2] != 0x02:
        return None
    community_at = 2 + 2 + request[3]
    community = request[community_at:community_at + 2 + request[community_at + 1]]
    pdu = community_at + len(community)
    if request[pdu] not in (0xA0, 0xA1):
        return None
    identifier = request[pdu + 2:pdu + 4 + request[pdu + 3]]
    value = ber(0x30, ber(0x06, bytes([43, 6, 1, 2, 1, 1, 1, 0])) + ber(0x04, b"Example web server"))
    body = identifier + b"\x02\x01\0\x02\x01\0" + ber(0x30, value)
    return ber(0x30, request[2:community_at] + community + ber(0xA2, body))


STREAMS = {"rdp": rdp, "msrpc": msrpc, "mssql": mssql, "banner": banner}
DATAGRAMS = {"snmp": snmp, "sink": lambda request: None}


def serve_stream(handler, connection):
    with connection:
        try:
            connection.settimeout(10)
            handler(connection)
        except (OSError, IndexError, struct.error):
            pass


def bound(kind, where):
    address, _, port = where.rpartition(":")
    address = address.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, kind)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, int(port)))
    if kind == socket.SOCK_STREAM:
        listener.listen(256)
    return listener


def main(arguments):
    program = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, program = arguments[:at], arguments[at + 1:]

    def run_program(connection):
        """By pipes: a program that talks on its standard input need not expect a socket there (Postfix's does not)."""
        connection.settimeout(60)
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            def answer():
                while data := os.read(child.stdout.fileno(), 65536):
                    connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)

            answering = threading.Thread(target=answer, daemon=True)
            answering.start()
            try:
                while data := connection.recv(65536):
                    child.stdin.write(data)
                    child.stdin.flush()
            finally:
                try:
                    child.stdin.close()
                except OSError:
                    pass
                answering.join(10)
                child.kill()

    selector = selectors.DefaultSelector()
    for argument in arguments:
        protocol, _, where = argument.partition("=")
        if protocol in DATAGRAMS:
            selector.register(bound(socket.SOCK_DGRAM, where), selectors.EVENT_READ, DATAGRAMS[protocol])
        else:
            handler = run_program if protocol == "exec" else STREAMS[protocol]
            selector.register(bound(socket.SOCK_STREAM, where), selectors.EVENT_READ, handler)
    while True:
        for key, _ in selector.select():
            if key.fileobj.type == socket.SOCK_DGRAM:
                try:
                    request, sender = key.fileobj.recvfrom(65535)
                    answer = key.data(request)
                    if answer is not None:
                        key.fileobj.sendto(answer, sender)
                except (OSError, IndexError):
                    pass
            else:
                try:
                    connection, _ = key.fileobj.accept()
                except OSError:
                    continue
                threading.Thread(target=serve_stream, args=(key.data, connection), daemon=True).start()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    main(sys.argv[1:])
