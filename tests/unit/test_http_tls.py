"""Over TLS too it is known whether a request left: only after the handshake."""

from __future__ import annotations

import datetime as dt
import http.server
import random
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector.errors import UnknownOutcomeError, UnreachableError
from connector.host import MachineClock
from connector.http.session import HttpSession
from connector.plugin import AllowList


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/lost":
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: object) -> None:
        pass


def certificate(path: Path) -> str:
    """One that vouches for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    began, ends = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, began, ends)
    for one in (
        x509.SubjectAlternativeName([x509.DNSName("localhost")]),
        x509.BasicConstraints(ca=True, path_length=None),
    ):
        made = made.add_extension(one, critical=False)
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem) + plain)
    return str(path)


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Its address, and the file that vouches for it."""
    pem = certificate(tmp_path / "vendor.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://localhost:{server.server_port}", pem
    server.shutdown()
    server.server_close()
    thread.join()


def session(url: str, ca_file: str | None) -> HttpSession:
    hosts = AllowList((url,), allow_loopback=True)
    return HttpSession(
        hosts, clock=MachineClock(), rng=random.Random(1), timeout_s=5, ca_file=ca_file
    )


def test_what_left_over_tls_may_have_landed(vendor: tuple[str, str]) -> None:
    url, pem = vendor
    told = session(url, pem)
    assert told.request("POST", f"{url}/x", body=b"1").body == b"ok"
    with pytest.raises(UnknownOutcomeError):
        told.request("POST", f"{url}/lost", body=b"1")
    told.close()


def test_nothing_leaves_before_a_stranger_has_shown_who_he_is(vendor: tuple[str, str]) -> None:
    told = session(vendor[0], None)
    with pytest.raises(UnreachableError, match="No connection was made"):
        told.request("POST", f"{vendor[0]}/x", body=b"1")
    told.close()
