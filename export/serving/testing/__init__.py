"""A server for tests: TF Serving's protocols in front of TensorFlow's C++ session loader.

It is made of the official servicer bases and speaks gRPC and REST over real sockets, but it is not
TF Serving: no batching, no warm-up, no version transitions, no Classify or Regress. The REST codec
follows TF Serving's json_tensor.cc and http_server.cc.

    python -m refinezoo.export.serving.testing servable/ --port 8500 --rest-port 8501
"""

from refinezoo.export.serving.testing.server import ProtocolTestServer

__all__ = ["ProtocolTestServer"]
