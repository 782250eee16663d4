"""`python -m refinezoo.export.serving.testing MODELS`: the test server in the foreground."""

import argparse
import sys

from refinezoo.export.serving.testing.server import ProtocolTestServer


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(
        description="A server for tests on this machine; not TF Serving."
    )
    parser.add_argument("models", help="folder of NAME/VERSION/saved_model.pb")
    parser.add_argument("--config", help="a models.config")
    parser.add_argument("--port", type=int, default=8500, help="of gRPC; 0: a free one")
    parser.add_argument("--rest-port", type=int, default=8501, help="of REST; 0: a free one")
    parser.add_argument("--workers", type=int, default=16, help="requests at a time")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each model")
    asked = parser.parse_args()
    with ProtocolTestServer(
        asked.models,
        config=asked.config,
        port=asked.port,
        rest_port=asked.rest_port,
        workers=asked.workers,
        threads=asked.threads,
    ) as server:
        names = ", ".join(server.models.sessions)
        print(f"{names}: {server.grpc_address} {server.rest_address}", flush=True)
        print("for tests on this machine only; deploy with TF Serving", file=sys.stderr)
        try:
            server.wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
