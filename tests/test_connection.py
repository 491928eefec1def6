"""Connecting: settings from everywhere, failures that say what to do, and the loop thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from temporalio.service import TLSConfig

from jupyter_workflows.connection import LoopThread, Settings, connect, loop_thread
from jupyter_workflows.errors import ConnectionFailed
from tests.payloads import conftest as payloads
from tests.processes import in_process

server = payloads.server
SECRET = "sk-very-secret"


def message_of(action: Callable[[], Any]) -> str:
    with pytest.raises(ConnectionFailed) as caught:
        action()
    return str(caught.value)


def failure(settings: Settings) -> str:
    """What `connect` says, which must come within 5 s."""
    began = time.monotonic()
    message = message_of(lambda: loop_thread().run(connect(settings)))
    assert time.monotonic() - began < 5.2
    return message


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def profile(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    def write(text: str) -> dict[str, str]:
        path = tmp_path / "temporal.toml"
        path.write_text(text, encoding="utf-8")
        return {"TEMPORAL_CONFIG_FILE": str(path), "HOME": str(tmp_path)}

    return write


class TestSettings:
    def test_nothing_set_means_the_embedded_server(self, tmp_path: Path):
        assert Settings.from_environment({"HOME": str(tmp_path), "TEMPORAL_ADDRESS": ""}) is None

    def test_variables(self, tmp_path: Path):
        found = Settings.from_environment(
            {
                "HOME": str(tmp_path),
                "TEMPORAL_ADDRESS": "temporal.example.com:7233",
                "TEMPORAL_NAMESPACE": "team",
                "TEMPORAL_API_KEY": SECRET,
                "TEMPORAL_GRPC_META_X_TEAM": "a",
            }
        )
        assert found is not None
        assert (found.address, found.namespace, found.api_key) == ("temporal.example.com:7233", "team", SECRET)
        assert (found.host, found.port, found.uses_tls) == ("temporal.example.com", 7233, True)
        assert found.headers == {"x-team": "a"}
        assert found.sources == {
            "address": "TEMPORAL_ADDRESS",
            "namespace": "TEMPORAL_NAMESPACE",
            "api_key": "TEMPORAL_API_KEY",
            "headers": "TEMPORAL_GRPC_META_X_TEAM",
        }
        assert SECRET not in repr(found)

    def test_profile_file_and_a_variable_over_it(self, profile: Callable[[str], dict[str, str]]):
        environment = profile('[profile.default]\naddress = "a:1"\n[profile.work]\naddress = "b:2"\nnamespace = "n"\n')
        work = Settings.from_environment({**environment, "TEMPORAL_PROFILE": "work", "TEMPORAL_NAMESPACE": "m"})
        assert work is not None
        assert (work.address, work.namespace) == ("b:2", "m")
        file = environment["TEMPORAL_CONFIG_FILE"]
        assert work.sources == {"address": f"profile 'work' of {file}", "namespace": "TEMPORAL_NAMESPACE"}

    @pytest.mark.parametrize(("value", "tls"), [("true", True), ("false", False)])
    def test_tls_is_switched_by_its_variable(self, tmp_path: Path, value: str, tls: bool):
        environment = {"HOME": str(tmp_path), "TEMPORAL_ADDRESS": "localhost:1", "TEMPORAL_TLS": value}
        found = Settings.from_environment(environment)
        assert found is not None
        assert found.uses_tls is tls

    def test_mistakes_name_the_variable_or_file_and_the_remedy(
        self, tmp_path: Path, profile: Callable[[str], dict[str, str]]
    ):
        home = {"HOME": str(tmp_path)}
        cases: list[tuple[dict[str, str], str]] = [
            (
                {"TEMPORAL_CONFIG_FILE": "/nowhere/t.toml"},
                "TEMPORAL_CONFIG_FILE is '/nowhere/t.toml', and there is no such file. Correct or unset it",
            ),
            (
                {"TEMPORAL_NAMESPACE": "team", "TEMPORAL_API_KEY": SECRET},
                (
                    "namespace (TEMPORAL_NAMESPACE) and api_key (TEMPORAL_API_KEY) is set for a Temporal server, but "
                    "no address. Set TEMPORAL_ADDRESS=host:port, or unset it to use the embedded server"
                ),
            ),
            (
                {"TEMPORAL_ADDRESS": "localhost:1", "TEMPORAL_TLS": "maybe"},
                "TEMPORAL_TLS is set to something that is neither true nor false. Set TEMPORAL_TLS=true or =false",
            ),
            (
                {"TEMPORAL_ADDRESS": "localhost:1", "TEMPORAL_TLS_CLIENT_CERT_PATH": "/nowhere/c.pem"},
                (
                    "the TLS file '/nowhere/c.pem' (TEMPORAL_TLS_CLIENT_CERT_PATH) can't be read: No such file or "
                    "directory. Correct the path"
                ),
            ),
            (
                {"TEMPORAL_ADDRESS": "a:1", "TEMPORAL_TLS": "false", "TEMPORAL_API_KEY": SECRET},
                (
                    "the API key (from TEMPORAL_API_KEY) would be sent to a:1 in the clear, because TLS is switched "
                    "off (from TEMPORAL_TLS). Switch TLS on: tls=True, or TEMPORAL_TLS=true"
                ),
            ),
            (
                {"TEMPORAL_ADDRESS": "https://a:1"},
                (
                    "the address 'https://a:1' (from TEMPORAL_ADDRESS) is a URL. Give host:port without the scheme, "
                    "such as 'localhost:7233'"
                ),
            ),
        ]
        for environment, expected in cases:
            assert message_of(lambda given=environment: Settings.from_environment({**home, **given})) == expected
        missing = {**profile("[profile.default]\n"), "TEMPORAL_PROFILE": "zz"}
        file = missing["TEMPORAL_CONFIG_FILE"]
        assert message_of(lambda: Settings.from_environment(missing)) == (
            f"TEMPORAL_PROFILE is 'zz', and {file} has no such profile. Correct it, or add [profile.zz] to the file"
        )

    def test_secret_in_a_broken_file_is_not_shown(self, profile: Callable[[str], dict[str, str]]):
        environment = profile(f'[profile.default]\napi_key = "{SECRET}\n')
        message = message_of(lambda: Settings.from_environment(environment))
        assert message.startswith(f"Temporal's settings can't be read from {environment['TEMPORAL_CONFIG_FILE']}: ")
        assert SECRET not in message

    @pytest.mark.parametrize(
        ("address", "reason"),
        [
            ("", "is not host:port"),
            ("localhost", "is not host:port"),
            (":7233", "is not host:port"),
            ("::1:7233", "is not host:port"),
            (" localhost:1", "is not host:port"),
            ("localhost:", "has the port ''"),
            ("localhost:http", "has the port 'http'"),
            ("localhost:0", "has the port '0'"),
            ("localhost:65536", "has the port '65536'"),
            ("localhost:٣", "has the port '٣'"),
            ("http://localhost:1", "is a URL"),
        ],
    )
    def test_malformed_address_is_refused(self, address: str, reason: str):
        assert reason in message_of(lambda: Settings(address))

    def test_address_of_version_6(self):
        assert (Settings("[::1]:7233").host, Settings("[::1]:7233").port) == ("::1", 7233)


class TestFailures:
    def test_nobody_listens(self):
        address = f"127.0.0.1:{free_port()}"
        assert failure(Settings(address, sources={"address": "TEMPORAL_ADDRESS"})) == (
            f"no Temporal server answers at {address} (from TEMPORAL_ADDRESS): connection refused. Start it there, or "
            "correct the address (TEMPORAL_ADDRESS), or unset it to use the embedded server"
        )

    def test_unknown_host(self):
        message = failure(Settings("no-such-host.invalid:7233"))
        assert message.startswith("no Temporal server answers at no-such-host.invalid:7233: ")

    def test_unknown_namespace(self, server: str):
        assert failure(Settings(server, "nowhere", sources={"namespace": "TEMPORAL_NAMESPACE"})) == (
            f"the Temporal server at {server} has no namespace 'nowhere' (from TEMPORAL_NAMESPACE). Correct "
            "TEMPORAL_NAMESPACE, or create it: temporal operator namespace create --namespace nowhere"
        )

    def test_tls_to_a_server_without_it(self, server: str):
        assert failure(Settings(server, tls=True, sources={"tls": "TEMPORAL_TLS"})) == (
            f"the server at {server} does not speak TLS, and TLS is on (from TEMPORAL_TLS). Switch it off "
            "(TEMPORAL_TLS=false), or correct the address"
        )
        message = failure(Settings(server, api_key=SECRET))
        assert "TLS is on, as always with an API key" in message
        assert SECRET not in message

    def test_no_tls_to_a_server_with_it(self, tls_server: str):
        assert failure(Settings(tls_server)) == (
            f"the server at {tls_server} wants TLS, and TLS is off. Switch it on: TEMPORAL_TLS=true, or tls=True"
        )

    def test_certificate_nobody_vouches_for(self, tls_server: str):
        message = failure(Settings(tls_server, tls=True))
        assert message.startswith(f"the TLS connection to {tls_server} was refused: ")
        assert message.endswith(
            "Check the certificates and the server name (TEMPORAL_TLS_SERVER_CA_CERT_PATH, "
            "TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_SERVER_NAME)"
        )

    def test_certificate_that_is_none(self, tls_server: str):
        message = failure(Settings(tls_server, tls=TLSConfig(server_root_ca_cert=b"not a certificate")))
        assert "TEMPORAL_TLS_SERVER_CA_CERT_PATH" in message

    def test_listener_that_never_answers(self, silent_server: str):
        assert failure(Settings(silent_server)) == (
            f"what listens at {silent_server} is no Temporal server, or is not ready: no answer within 4 s. "
            "Give the address of the frontend's gRPC port, 7233 as a rule, not that of the web interface"
        )

    def test_another_protocol(self, http_server: str):
        message = failure(Settings(http_server))
        assert message.startswith(f"what listens at {http_server} is no Temporal server, or is not ready: ")

    def test_refused_key(self, refusing_server: str):
        settings = Settings(refusing_server, "team", api_key=SECRET, tls=False, sources={"api_key": "TEMPORAL_API_KEY"})
        message = failure(settings)
        assert message == (
            f"the Temporal server at {refusing_server} refuses the API key (from TEMPORAL_API_KEY) for namespace "
            "'team': Request unauthorized. Check TEMPORAL_API_KEY, the client certificate, and what they may do there"
        )

    def test_failure_leaves_no_cause_behind_that_could_show_more(self, server: str):
        with pytest.raises(ConnectionFailed) as caught:
            loop_thread().run(connect(Settings(server, "nowhere")))
        assert caught.value.__cause__ is None


def test_connected_client_carries_our_converter_and_plugin(server: str, tmp_path: Path):
    from jupyter_workflows.local.paths import Home

    client = loop_thread().run(connect(Settings(server), home=Home.locate(tmp_path)))
    config = client.config()
    assert [plugin.name() for plugin in config["plugins"]] == ["jupyter-workflows"]
    assert client.data_converter.external_storage is not None
    assert client.data_converter.external_storage.payload_size_threshold == 32 * 1024


async def reader_of_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await reader.read()
    writer.close()


async def http_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await reader.read(1000)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
    writer.close()


@contextlib.contextmanager
def listening(handler: Any, context: ssl.SSLContext | None = None) -> Iterator[str]:
    loop = LoopThread()
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await handler(reader, writer)

    async def begin() -> asyncio.Server:
        return await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)

    async def end() -> None:
        running.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)

    running = loop.run(begin())
    try:
        yield f"127.0.0.1:{running.sockets[0].getsockname()[1]}"
    finally:
        loop.run(end())
        loop.close()


@pytest.fixture(scope="module")
def silent_server() -> Iterator[str]:
    with listening(reader_of_nothing) as address:
        yield address


@pytest.fixture(scope="module")
def http_server() -> Iterator[str]:
    with listening(http_answer) as address:
        yield address


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A listener with a certificate of its own making."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    encoding = serialization.Encoding.PEM
    (folder / "key.pem").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(encoding))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.set_alpn_protocols(["h2"])
    with listening(reader_of_nothing, context) as address:
        yield address


def header(name: bytes, value: bytes) -> bytes:
    """A header in HPACK's plainest form, a literal that nobody indexes (RFC 7541, 6.2.2)."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return len(body).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + body


async def refuse_calls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, refused_from: int) -> None:
    """As much of HTTP/2 as it takes to answer gRPC calls: the first ones with "unimplemented", then "denied"."""
    settings, headers, end_stream, end_headers, acknowledge = 4, 1, 1, 4, 1
    calls = 0
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        await reader.readexactly(24)
        writer.write(frame(settings, 0, 0))
        while True:
            start = await reader.readexactly(9)
            body = await reader.readexactly(int.from_bytes(start[:3]))
            kind, flags, stream = start[3], start[4], int.from_bytes(start[5:])
            if kind == settings and not flags & acknowledge:
                writer.write(frame(settings, acknowledge, 0))
            elif kind == 6 and not flags & acknowledge:
                writer.write(frame(6, acknowledge, 0, body))
            elif stream and flags & end_stream:
                calls += 1
                status = (b"7", b"Request unauthorized.") if calls >= refused_from else (b"12", b"unknown method")
                answer = (
                    b"\x88"  # :status 200
                    + header(b"content-type", b"application/grpc")
                    + header(b"grpc-status", status[0])
                    + header(b"grpc-message", status[1])
                )
                writer.write(frame(headers, end_stream | end_headers, stream, answer))
            await writer.drain()
    writer.close()


@pytest.fixture(params=["at once", "at the namespace"])
def refusing_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that denies every call, or all but the first."""
    refused_from = 1 if request.param == "at once" else 2

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await refuse_calls(reader, writer, refused_from)

    with listening(handle) as address:
        yield address


HEAVY = ("pandas", "pyarrow", "numpy", "cryptography", "IPython", "ipykernel", "plotly", "anywidget", "aioboto3")


def test_import_leaves_heavy_libraries_alone():
    code = f"""
    import sys
    import jupyter_workflows.connection
    print([name for name in {HEAVY!r} if name in sys.modules])
    """
    assert in_process(code) == "[]"
