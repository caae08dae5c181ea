#!/usr/bin/python3
"""Ordinary clients: each call holds one conversation, as the services' users would, and fails if nobody answers.

    clients.py [--from ADDRESS] WHAT ADDRESS[:PORT] ...

WHAT: http https smtp ssh mssql rdp msrpc smb banner (TCP), dns snmp (UDP, answered), syslog trap (UDP, one way), ping,
and attempt: a TCP connection that nobody answers, which is the expected outcome.
"""
import os
import socket
import ssl
import struct
import sys

PORTS = {"http": 80, "https": 443, "smtp": 25, "ssh": 22, "mssql": 1433, "rdp": 3389, "msrpc": 135, "smb": 445,
         "dns": 53, "snmp": 161, "syslog": 514, "trap": 162}


def split(where, port):
    if where.startswith("["):
        address, _, rest = where[1:].partition("]")
        return address, int(rest[1:]) if rest else port
    if where.count(":") == 1:
        address, _, number = where.partition(":")
        return address, int(number)
    return where, port


def stream(source, target, timeout=5):
    return socket.create_connection(target, timeout=timeout, source_address=(source, 0) if source else None)


def datagram(source, target):
    client = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    if source:
        client.bind((source, 0))
    client.connect(target)
    return client


def drain(connection):
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def http(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: shop.example.net\r\nConnection: close\r\n\r\n")
    return drain(connection)


def https(connection):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(connection, server_hostname="shop.example.net") as inside:
        return http(inside)


def smtp(connection):
    lines = connection.makefile("rwb")
    greeting = lines.readline()
    for command in (b"EHLO client.example.net", b"QUIT"):
        lines.write(command + b"\r\n")
        lines.flush()
        while lines.readline()[3:4] == b"-":
            pass
    return greeting


def ssh(connection):
    greeting = connection.recv(256)
    connection.sendall(b"SSH-2.0-Client\r\n")
    connection.recv(4096)
    return greeting


def mssql(connection):
    connection.sendall(bytes.fromhex("1201001a00000100" "00000b0006" "010011 0001 ff" "0f0007d00000 02"))
    return connection.recv(4096)


def rdp(connection):
    connection.sendall(bytes.fromhex("0300 0013 0e e0 0000 0000 00 01 00 0800 01000000"))
    return connection.recv(4096)


def msrpc(connection):
    endpoint_mapper = "0883afe11f5dc91191a408002b14a0fa03000000"
    ndr = "045d888aeb1cc9119fe808002b10486002000000"
    connection.sendall(bytes.fromhex("05000b03 10000000 4800 0000 01000000 b810 b810 00000000 01000000 0000 0100" + endpoint_mapper + ndr))
    return connection.recv(4096)


def smb(connection):
    """SMB2 NEGOTIATE (MS-SMB2 2.2.3) for dialect 2.0.2."""
    header = b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ16s", 64, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, b"")
    body = struct.pack("<HHHHI16sQ", 36, 1, 1, 0, 0, os.urandom(16), 0) + struct.pack("<H", 0x0202)
    connection.sendall(struct.pack("!I", len(header + body)) + header + body)
    return connection.recv(4096)


def banner(connection):
    return connection.recv(256)


def dns(client):
    name = b"".join(bytes([len(part)]) + part for part in (b"shop", b"example", b"net")) + b"\0"
    client.send(struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", 1, 1))
    return client.recv(4096)


def snmp(client):
    client.send(bytes.fromhex("3026020101040670 75626c6963 a019020400000001 020100020100 300b3009 06052b06010201 0500"))
    return client.recv(4096)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ping(source, address):
    """Raw, because not every namespace allows ping sockets to its group; root of the namespace may."""
    client = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    client.settimeout(5)
    if source:
        client.bind((source, 0))
    echo = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, 1) + b"demarc laboratory"
    echo += b"\0" * (len(echo) % 2)
    client.sendto(echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:], (address, 0))
    while True:
        answer, sender = client.recvfrom(2048)
        if sender[0] == address and answer[20] == 0 and answer[24:26] == echo[4:6]:
            return answer


STREAMS = {"http": http, "https": https, "smtp": smtp, "ssh": ssh, "mssql": mssql, "rdp": rdp, "msrpc": msrpc, "smb": smb,
           "banner": banner}


def main(arguments):
    source = None
    if arguments[0] == "--from":
        source, arguments = arguments[1], arguments[2:]
    what, where = arguments[0], arguments[1:]
    for target in where:
        if what == "ping":
            answer = ping(source, target)
        elif what == "attempt":
            try:
                stream(source, split(target, 0), timeout=0.5).close()
                sys.exit(f"{target} answered")
            except OSError:
                continue
        elif what in ("syslog", "trap"):
            with datagram(source, split(target, PORTS[what])) as client:
                client.send(b"<134>web: order accepted" if what == "syslog" else b"\x30\x00")
            continue
        elif what in ("dns", "snmp"):
            with datagram(source, split(target, PORTS[what])) as client:
                answer = {"dns": dns, "snmp": snmp}[what](client)
        else:
            with stream(source, split(target, PORTS.get(what, 0))) as connection:
                answer = STREAMS[what](connection)
        if not answer:
            sys.exit(f"{what} {target}: no answer")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit(f"{' '.join(sys.argv[1:])}: {error}")
