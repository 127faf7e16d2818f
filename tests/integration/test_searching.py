"""The way to an image search over real TLS: through the broker, to whom the certificate names."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pleura.adapters.egress.addresses import Reach
from pleura.adapters.searching.transport import Post, over_https
from pleura.domain.errors import EnvironmentFault

HOST = "engine.example.org"


@dataclass
class Service:
    port: int
    certificate: Path
    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    heard: list[bytes] = field(default_factory=list)

    def ask(self, host: str = HOST) -> bytes:
        reach = Reach(endpoints={f"{host}:{self.port}": "127.0.0.1"})
        trust = ssl.create_default_context(cafile=str(self.certificate))
        post = Post(host=f"{host}:{self.port}", path="/find", headers={"x-api-key": "k"}, body=b"picture")
        return over_https(post, reach=reach, trust=trust)


def certified(folder: Path) -> Path:
    """A certificate for the host with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    certificate = certified(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = Service(port=listening.getsockname()[1], certificate=certificate)
        thread = threading.Thread(target=serve, args=(listening, context, service), daemon=True)
        thread.start()
        yield service
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def serve(listening: socket.socket, context: ssl.SSLContext, service: Service) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with (
                contextlib.suppress(OSError),
                connection,
                context.wrap_socket(connection, server_side=True) as secured,
            ):
                heard = b""
                while not heard.endswith(b"picture") and (piece := secured.recv(65536)):
                    heard += piece
                service.heard.append(heard)
                secured.sendall(service.answer)


def test_a_service_is_asked_through_the_broker_and_does_not_see_its_secret(service: Service) -> None:
    assert service.ask() == b"{}"

    (heard,) = service.heard
    assert heard.startswith(b"POST /find HTTP/1.1\r\n")
    assert b"x-api-key: k" in heard
    assert b"roxy-" not in heard


def test_a_service_with_the_certificate_of_another_is_told_nothing(service: Service) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        service.ask("other.example.org")

    assert caught.value.code == "engine-unreachable"
    assert not any(b"picture" in heard for heard in service.heard)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "engine-refuses"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n", "engine-refuses"),
        (b"nonsense\r\n\r\n", "engine-unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + bytes(9 << 20), "engine-garbled"),
        (b"", "engine-unreachable"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_named(service: Service, answer: bytes, code: str) -> None:
    service.answer = answer

    with pytest.raises(EnvironmentFault) as caught:
        service.ask()

    assert caught.value.code == code


def test_a_service_inside_is_not_reached() -> None:
    post = Post(host=str(ipaddress.IPv4Address("10.0.0.1")), path="/", headers={}, body=b"")

    with pytest.raises(EnvironmentFault) as caught:
        over_https(post)

    assert caught.value.code == "engine-unreachable"
