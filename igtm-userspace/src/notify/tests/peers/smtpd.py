"""A mail server by aiosmtpd: says its ports, then every mail as a line of JSON; ends with its stdin.

Arguments: certificate, key. The local part of an address says what becomes of it: see Mailboxes.
"""

import asyncio
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

# Who has been refused once, of those who want to see a mail twice.
SEEN = set()

LOGIN = (b"igtm", b"T0KEN-pa55w0rd")


def say(what):
    print(json.dumps(what), flush=True)


class Mailboxes:
    async def handle_MAIL(self, server, session, envelope, address, options):
        if address.startswith("stranger@"):
            return "553 5.7.1 Mail from must equal authorized user"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user here"
        if address.startswith("full@"):
            return "452 4.2.2 mailbox full"
        if address.startswith("grey@") and address not in SEEN:
            SEEN.add(address)
            return "450 4.2.0 greylisted, come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        content = envelope.content.decode("ascii")
        if "SPAM" in content.split("\r\n\r\n")[0]:
            return "554 5.7.1 DT:SPM looks like spam"
        login = session.auth_data.login.decode() if session.authenticated else None
        say({
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "login": login,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": content,
        })
        return "250 2.0.0 queued as 4711"


def authenticator(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == LOGIN
    return AuthResult(success=right, handled=right, auth_data=data)


async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[1], sys.argv[2])
    loop = asyncio.get_running_loop()
    common = {"hostname": "localhost", "authenticator": authenticator}
    kinds = {
        "starttls": ({"tls_context": tls, "require_starttls": True}, None),
        "login": ({"tls_context": tls, "require_starttls": True, "auth_required": True}, None),
        "implicit": ({"auth_require_tls": False}, tls),
        "without": ({}, None),
    }
    ports, servers = {}, []
    for name, (options, context) in kinds.items():
        server = await loop.create_server(
            lambda options=options: SMTP(Mailboxes(), **common, **options),
            "127.0.0.1",
            0,
            ssl=context,
        )
        servers.append(server)
        ports[name] = server.sockets[0].getsockname()[1]
    say(ports)
    await loop.run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main())
