"""The small services of RFC 862 to 868 and one that answers anything, for tests/lab/udp_services: udp_small.py ADDRESS"""
import selectors
import socket
import struct
import sys
import time

ANSWERS = {
    7: lambda said: said,
    13: lambda said: time.strftime("%A, %B %d, %Y %H:%M:%S-UTC\r\n", time.gmtime()).encode(),
    17: lambda said: b'"Trust, but verify." A. N. Auditor\r\n',
    19: lambda said: bytes(range(0x20, 0x20 + 72)) + b"\r\n",
    37: lambda said: struct.pack("!I", int(time.time()) + 2208988800 & 0xFFFFFFFF),
    4711: lambda said: b"\x01\x02who is there?",
}

doors = selectors.DefaultSelector()
for port in ANSWERS:
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    door.bind((sys.argv[1], port))
    doors.register(door, selectors.EVENT_READ, port)
while True:
    for key, _ in doors.select():
        said, who = key.fileobj.recvfrom(65535)
        key.fileobj.sendto(ANSWERS[key.data](said), who)
