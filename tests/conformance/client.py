#!/usr/bin/python3
"""The independent client of the conformance tests: dnspython makes the queries and reads the
replies, so that no code of igtm, nor a library of it, judges what igtm sends.

Reads one JSON object from stdin, writes one JSON line for each reply. Must not judge: the test
compares. See Query for what can be asked, and text() for how a reply is written down.
"""

import json
import select
import socket
import struct
import sys
import time

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

# Seconds until a UDP query is sent again, and how often at most: the machine may be busy.
AGAIN, ATTEMPTS = 1.5, 8
# Seconds until a TCP connection is given up.
PATIENCE = 20
# Queries on their way at once.
WINDOW = 48
# Seconds within which what must not be answered is not answered.
SILENCE = 0.5

# How a query is sent: over TCP, with an OPT of that payload size, with DO.
WAYS = {
    "udp": (False, None, False),
    "edns512": (False, 512, False),
    "edns1232": (False, 1232, False),
    "do4096": (False, 4096, True),
    "tcp": (True, None, False),
    "tcp-edns": (True, 1232, False),
    "tcp-do": (True, 1232, True),
}


# By number; those that have no name are their number.
OPCODES = ["QUERY", "IQUERY", "STATUS", "3", "NOTIFY", "UPDATE", "DSO", *map(str, range(7, 16))]


def octets(query):
    """The message of a query: `NAME TYPE [CLASS] [+word[=value]…]`, or `raw HEX`."""
    asked, way = query["ask"], WAYS[query["way"]]
    words = asked.split(" ")
    if words[0] == "raw":
        return bytes.fromhex("".join(words[1:]))
    plain = [word for word in words if not word.startswith("+")]
    options = [word[1:].partition("=")[::2] for word in words if word.startswith("+")]
    name = dns.name.from_text(plain[0])
    rtype = dns.rdatatype.from_text(plain[1])
    rclass = dns.rdataclass.from_text(plain[2]) if len(plain) > 2 else dns.rdataclass.IN
    flags, opcode, count = 0, 0, 1
    size, do, version, edns = way[1], way[2], 0, []
    eflags = 0
    for word, value in options:
        if word in ("rd", "ad", "cd", "tc", "ra", "aa"):
            flags |= int(dns.flags.from_text(word.upper()))
        elif word == "z":
            flags |= 0x40
        elif word == "opcode":
            opcode = OPCODES.index(value)
        elif word == "edns":
            version = int(value)
        elif word == "eflags":
            eflags |= int(value, 16)
        elif word == "size":
            size = int(value)
        elif word == "no-question":
            count = 0
        elif word == "nsid":
            edns.append((3, b""))
        elif word == "cookie":
            edns.append((10, bytes.fromhex(value)))
        elif word == "ecs":
            edns.append((8, subnet(value)))
        elif word == "opt":
            code, _, data = value.partition(":")
            edns.append((int(code), bytes.fromhex(data)))
        else:
            raise ValueError(f"+{word} of {asked!r}")
    if edns and size is None:
        size = 1232
    question = name.to_wire() + struct.pack("!HH", rtype, rclass) if count else b""
    header = struct.pack("!HHHHHH", 0, flags | opcode << 11, count, 0, 0, size is not None)
    if size is None:
        return header + question
    data = b"".join(struct.pack("!HH", code, len(value)) + value for code, value in edns)
    ttl = version << 16 | eflags | (0x8000 if do else 0)
    return header + question + b"\0" + struct.pack("!HHIH", 41, size, ttl, len(data)) + data


def subnet(value):
    """ADDRESS/SOURCE[/SCOPE] as RFC 7871 6 wants it."""
    address, source, *scope = value.split("/")
    family, whole = (2, socket.AF_INET6) if ":" in address else (1, socket.AF_INET)
    data = socket.inet_pton(whole, address)[: (int(source) + 7) // 8]
    return struct.pack("!HBB", family, int(source), int(scope[0]) if scope else 0) + data


def records(section, in_order):
    """The records of a section: those of one set sorted, and the sets too unless `in_order`."""
    sets = []
    for rrset in section:
        owner = rrset.name.to_text()
        head = f"{owner} {rrset.ttl} {kind(rrset.rdclass)}{dns.rdatatype.to_text(rrset.rdtype)}"
        sets.append(sorted(f"{head} {data(rdata)}".rstrip() for rdata in rrset))
    if not in_order:
        sets.sort()
    return [line for one in sets for line in one]


def kind(rclass):
    return "" if rclass == dns.rdataclass.IN else dns.rdataclass.to_text(rclass) + " "


def data(rdata):
    if rdata.rdtype == dns.rdatatype.SOA:
        # igtm's serials are its own.
        return rdata.replace(serial=0).to_text().replace(" 0 ", " SERIAL ", 1)
    return rdata.to_text()


def option(one):
    """One EDNS option of a reply, without what is another each time."""
    if isinstance(one, dns.edns.ECSOption):
        return f"ecs={one.address}/{one.srclen}/{one.scopelen}"
    if one.otype == 15:
        return f"ede={int(one.code)}"
    wire = one.to_wire()
    if one.otype == 3:
        return "nsid=" + wire.decode()
    if one.otype == 10:
        # RFC 9018 4: version 1, three reserved octets, the time, eight octets of hash.
        server = wire[8:]
        good = len(server) == 16 and server[:4] == b"\1\0\0\0"
        good = good and abs(struct.unpack("!I", server[4:8])[0] - time.time()) < 120
        return f"cookie={wire[:8].hex()}+" + ("rfc9018" if good else server.hex())
    return f"opt{one.otype}={wire.hex()}"


def text(wire, sent):
    """A reply written down: `RCODE [OPCODE] flags…`, the answer, `;; authority` and `;; additional` with their
    records, each section only where it has some; the OPT apart. What every reply must be is said where it is not."""
    reply = {"octets": len(wire)}
    if wire[:2] != sent[:2] or not wire[2] & 0x80:
        reply["wrong"] = "not the reply to this query"
        return reply
    try:
        # As if it were a query: of some opcodes dnspython reads other things, of others none.
        plain = wire[:2] + bytes([wire[2] & 0x87]) + wire[3:]
        message = dns.message.from_wire(plain, ignore_trailing=False, one_rr_per_rrset=False)
    except dns.exception.DNSException as error:
        reply["wrong"] = f"dnspython cannot read it: {error!r}: {wire.hex()}"
        return reply
    head = [dns.rcode.to_text(message.rcode())]
    opcode = wire[2] >> 3 & 15
    head += [OPCODES[opcode]] if opcode else []
    flags = (("aa", 0x400), ("tc", 0x200), ("rd", 0x100), ("ra", 0x80), ("z", 0x40), ("ad", 0x20), ("cd", 0x10))
    head += [name for name, bit in flags if struct.unpack("!H", wire[2:4])[0] & bit]
    count = struct.unpack("!H", wire[4:6])[0]
    head += [f"questions={count}"] if count != 1 else []
    lines = records(message.answer, True)
    for name, section in (("authority", message.authority), ("additional", message.additional)):
        if section:
            lines.append(f";; {name}")
            lines += records(section, False)
    found = sum(len(rrset) for rrset in (*message.answer, *message.authority, *message.additional))
    if found + (message.edns >= 0) != sum(struct.unpack("!HHH", wire[6:12])):
        # dnspython has one of those that are alike.
        reply["twice"] = True
    reply["text"] = "\n".join([" ".join(head), *lines]) + "\n"
    if count == 1:
        end = 12
        while sent[end]:
            end += sent[end] + 1
        if wire[12 : end + 5] != sent[12 : end + 5]:
            reply["wrong"] = "another question"
    # What another encoder makes of it, by RFC 1035 4.1.4.
    reply["encoded"] = len(message.to_wire(max_size=65535))
    if message.edns >= 0:
        words = [str(message.payload)]
        words += [f"version={message.edns}"] if message.edns else []
        words += ["do"] if message.ednsflags & 0x8000 else []
        words += [f"z={message.ednsflags & 0x7fff:x}"] if message.ednsflags & 0x7FFF else []
        words += [option(one) for one in message.options]
        reply["edns"] = " ".join(words)
    return reply


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def over_udp(server, source, batch):
    """The replies to a batch of messages, by their place; what is lost is sent again."""
    replies = {}
    with socket.socket(family(server[0]), socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        if source:
            sock.bind((source, 0))
        sock.connect(tuple(server))
        for _ in range(ATTEMPTS):
            for place, message in batch.items():
                if place not in replies:
                    sock.send(message)
            until = time.monotonic() + AGAIN
            while len(replies) < len(batch):
                left = until - time.monotonic()
                if left <= 0 or not select.select([sock], [], [], left)[0]:
                    break
                wire = sock.recv(65535)
                place = struct.unpack("!H", wire[:2])[0]
                if place in batch:
                    replies.setdefault(place, wire)
            if len(replies) == len(batch):
                break
    return replies


def read(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise EOFError("the server closed the connection")
        data += more
    return data


def connect(server, source):
    source = (source, 0) if source else None
    return socket.create_connection(tuple(server), timeout=PATIENCE, source_address=source)


def over_tcp(server, source, batch):
    """The same over one connection, all queries at once (RFC 7766 6.2.1.1)."""
    replies = {}
    with connect(server, source) as sock:
        sock.sendall(b"".join(struct.pack("!H", len(one)) + one for one in batch.values()))
        try:
            while len(replies) < len(batch):
                wire = read(sock, struct.unpack("!H", read(sock, 2))[0])
                replies[struct.unpack("!H", wire[:2])[0]] = wire
        except (EOFError, TimeoutError, ConnectionError) as error:
            print(f"over TCP: {error!r}", file=sys.stderr)
    return replies


def silent(server, source, message, tcp):
    """The reply to what must have none, if it comes."""
    if tcp:
        with connect(server, source) as sock:
            sock.settimeout(SILENCE)
            sock.sendall(struct.pack("!H", len(message)) + message)
            try:
                return read(sock, struct.unpack("!H", read(sock, 2))[0])
            except (EOFError, TimeoutError, ConnectionError):
                return None
    with socket.socket(family(server[0]), socket.SOCK_DGRAM) as sock:
        sock.connect(tuple(server))
        sock.send(message)
        return sock.recv(65535) if select.select([sock], [], [], SILENCE)[0] else None


def ask(server, source, queries):
    """Each query with its reply, `None` where there is none."""
    for tcp in (False, True):
        of_way = [query for query in queries if WAYS[query["way"]][0] == tcp]
        for start in range(0, len(of_way), WINDOW):
            batch, sent = {}, {}
            for place, query in enumerate(of_way[start : start + WINDOW], 1):
                message = octets(query)
                if query.get("silent"):
                    wire = silent(server, source, message, tcp)
                    yield query, wire and {"text": wire.hex() + "\n"}
                    continue
                sent[place] = query
                batch[place] = struct.pack("!H", place) + message[2:]
            replies = (over_tcp if tcp else over_udp)(server, source, batch)
            for place, query in sent.items():
                wire = replies.get(place)
                yield query, wire and text(wire, batch[place])


def transfer(server, source, zone):
    """A zone by AXFR (RFC 5936): its records sorted, after the checks of its frame."""
    message = octets({"ask": f"{zone} AXFR", "way": "tcp"})
    found, messages = [], 0
    with connect(server, source) as sock:
        sock.sendall(struct.pack("!H", len(message)) + message)
        soas = 0
        while soas < 2:
            wire = read(sock, struct.unpack("!H", read(sock, 2))[0])
            reply = dns.message.from_wire(wire, one_rr_per_rrset=True)
            messages += 1
            if reply.rcode() or not reply.answer:
                return {"wrong": dns.rcode.to_text(reply.rcode())}
            for rrset in reply.answer:
                soas += rrset.rdtype == dns.rdatatype.SOA
                found += records([rrset], True)
    if found[0] != found[-1]:
        return {"wrong": f"begins with {found[0]}, ends with {found[-1]}"}
    return {"records": sorted(found[1:]), "messages": messages}


def cookie(server, source):
    """A cookie of this server for this client, in hexadecimal."""
    message = octets({"ask": "conf.example. SOA +cookie=0102030405060708", "way": "edns1232"})
    wire = over_udp(server, source, {1: b"\0\1" + message[2:]})[1]
    options = dns.message.from_wire(wire).options
    return next(one.to_wire().hex() for one in options if one.otype == 10)


def main():
    wanted = json.load(sys.stdin)
    server, source = wanted["server"], wanted.get("source")
    queries = wanted["queries"]
    if any("+cookie=OURS" in query["ask"] for query in queries):
        ours = cookie(server, source)
        queries = [dict(query, sent=query["ask"].replace("OURS", ours)) for query in queries]
    for zone in wanted.get("transfers", []):
        print(json.dumps({"zone": zone, "transfer": transfer(server, source, zone)}))
    for query, reply in ask(server, source, [dict(q, ask=q.get("sent", q["ask"])) for q in queries]):
        print(json.dumps({"id": query["id"], "reply": reply}))


if __name__ == "__main__":
    main()
