"""A small OTLP receiver: HTTP with protobuf, or gRPC, by the official messages; it keeps all that came, raw too."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

REQUESTS: dict[str, Any] = {
    "traces": trace_service_pb2.ExportTraceServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
}


def values(attributes: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value", None) for each in attributes
    }


@dataclass
class Seen:
    """One span, readable."""

    name: str
    trace: str
    id: str
    parent: str
    failed: bool
    attributes: dict[str, Any]
    start: int
    end: int
    links: list[str]


@dataclass
class Receiver:
    """What came."""

    raw: list[bytes] = field(default_factory=list)
    requests: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in REQUESTS})
    headers: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, signal: str, request: Any) -> None:
        with self.lock:
            self.raw.append(request.SerializeToString())
            self.requests[signal].append(request)

    @property
    def spans(self) -> list[Seen]:
        with self.lock:
            return [
                seen(span)
                for request in self.requests["traces"]
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            ]

    def named(self, name: str) -> list[Seen]:
        return [span for span in self.spans if span.name == name]

    @property
    def metrics(self) -> set[str]:
        with self.lock:
            return {
                metric.name
                for request in self.requests["metrics"]
                for resource in request.resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
            }

    @property
    def logs(self) -> list[tuple[str, dict[str, Any], str]]:
        with self.lock:
            return [
                (record.body.string_value, values(record.attributes), record.trace_id.hex())
                for request in self.requests["logs"]
                for resource in request.resource_logs
                for scope in resource.scope_logs
                for record in scope.log_records
            ]


def seen(span: Span) -> Seen:
    return Seen(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.status.code == span.status.STATUS_CODE_ERROR,
        values(span.attributes),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        [link.span_id.hex() for link in span.links],
    )


class HttpReceiver(Receiver):
    """OTLP over HTTP, as protobuf."""

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                signal = self.path.removeprefix("/v1/")
                if self.headers["Content-Type"] != "application/x-protobuf" or signal not in REQUESTS:
                    self.send_error(400)
                    return
                receiver.headers.append(dict(self.headers))
                receiver.take(signal, REQUESTS[signal].FromString(body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        self.environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.server.server_address[1]}",
            "OTEL_METRIC_EXPORT_INTERVAL": "300",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_BLRP_SCHEDULE_DELAY": "100",
        }
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class GrpcReceiver(Receiver):
    """OTLP over gRPC."""

    def __enter__(self) -> Self:
        self.server = grpc.server(ThreadPoolExecutor(4))
        for signal, service, servicer in (
            ("traces", trace_service_pb2_grpc.TraceServiceServicer, trace_service_pb2),
            ("metrics", metrics_service_pb2_grpc.MetricsServiceServicer, metrics_service_pb2),
            ("logs", logs_service_pb2_grpc.LogsServiceServicer, logs_service_pb2),
        ):
            self.add(signal, service, servicer)
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_METRIC_EXPORT_INTERVAL": "300",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_BLRP_SCHEDULE_DELAY": "100",
        }
        return self

    def add(self, signal: str, service: Any, messages: Any) -> None:
        receiver = self
        kind = {"traces": "Trace", "metrics": "Metrics", "logs": "Logs"}[signal]
        answer = getattr(messages, f"Export{kind}ServiceResponse")

        class Servicer(service):
            def Export(self, request: Any, context: Any) -> Any:
                receiver.take(signal, request)
                return answer()

        modules = {
            "traces": trace_service_pb2_grpc, "metrics": metrics_service_pb2_grpc, "logs": logs_service_pb2_grpc
        }  # fmt: skip
        getattr(modules[signal], f"add_{kind}ServiceServicer_to_server")(Servicer(), self.server)

    def __exit__(self, *_: object) -> None:
        self.server.stop(0).wait()
