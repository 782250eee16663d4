"""`make serve-smoke`: whether a real TensorFlow Serving serves what refinezoo exports.

python -m refinezoo.export.serving.smoke servable/           starts TF Serving by Docker
python -m refinezoo.export.serving.smoke servable/ --grpc HOST:PORT --rest HOST:PORT
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from refinezoo.data.images import read_image
from refinezoo.errors import RefinezooError
from refinezoo.export.checks.photos import packaged_photos
from refinezoo.export.runtimes.session import SavedModelSession
from refinezoo.export.serving.client import ServingClient
from refinezoo.export.serving.config import find_models
from refinezoo.export.serving.png import decode_png, encode_png

IMAGE = "tensorflow/serving:latest"
SIDE = 128  # pixels of the photo that is sent: within any --max-pixels
MOST = 1  # of 255 levels: one graph, perhaps two versions of TensorFlow
PATIENT = 300.0  # seconds until a server is up


def check(servable: Path, addresses: list[str]) -> list[str]:
    """Asks each model over each address; a refiner's image is held against its graph, run here.

    Returns:
        A line a model and address.

    Raises:
        RefinezooError: an image that differs by more than `MOST` levels, or a refusal.
    """
    photo = cv2.resize(
        read_image(packaged_photos(1)[0]), (SIDE, SIDE), interpolation=cv2.INTER_AREA
    )
    lines = []
    for name, versions in find_models(servable).items():
        for address in addresses:
            with ServingClient(address, name, timeout=PATIENT) as client:
                client.wait_until_ready(PATIENT)
                told = client.info()
                words = f"{address}: {name}, version {versions[-1]}: {told['kind']} answers"
                if told["kind"] == "refiner":
                    off = _apart(
                        client.refine([photo])[0], servable / name / str(versions[-1]), photo
                    )
                    words += f", at most {off} of 255 levels off"
            lines.append(words)
    return lines


def _apart(received: np.ndarray, folder: Path, photo: np.ndarray) -> int:
    """Levels between a served image and the graph's own."""
    with SavedModelSession(folder, threads=1) as session:
        wanted = session.run("serving_default", image_bytes=[encode_png(photo)])["image_bytes"][0]
    off = int(np.abs(decode_png(wanted, photo.shape[:2]).astype(int) - received).max())
    if off > MOST:
        raise RefinezooError(
            f"expected the served images of {folder} within {MOST} of 255 levels of the graph's, "
            f"received up to {off}. Please report this, with the server's version."
        )
    return off


@contextmanager
def docker(servable: Path, image: str = IMAGE) -> Iterator[list[str]]:
    """TF Serving in a container on the loopback address; gives its gRPC and REST addresses."""
    from refinezoo.export.serving.config import serve_config

    kit = servable.parent / "smoke_config"
    serve_config(servable, kit)
    command = ["docker", "run", "--rm", "--detach", "-p", "127.0.0.1:8500:8500"]
    command += ["-p", "127.0.0.1:8501:8501", "-v", f"{servable.resolve()}:/models:ro"]
    command += ["-v", f"{(kit / 'config').resolve()}:/config:ro", image]
    command += ["--model_config_file=/config/models.config"]
    try:
        started = subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise RefinezooError(
            "expected the command docker, received none. Install Docker, or start TF Serving "
            "yourself and give --grpc HOST:PORT and --rest HOST:PORT."
        ) from None
    except subprocess.CalledProcessError as error:
        raise RefinezooError(f"docker run failed: {error.stderr.strip()}") from None
    container = started.stdout.strip()
    try:
        yield ["grpc://127.0.0.1:8500", "http://127.0.0.1:8501"]
    finally:
        subprocess.run(["docker", "stop", container], check=False, capture_output=True)


def main() -> None:
    """Runs the check; exit code 2 with a message where it fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("servable", type=Path, help="folder of NAME/VERSION/")
    parser.add_argument("--image", default=IMAGE, help="of TF Serving")
    parser.add_argument("--grpc", help="of a server that runs already")
    parser.add_argument("--rest", help="likewise")
    asked = parser.parse_args()
    running = [f"grpc://{asked.grpc}"] if asked.grpc else []
    running += [f"http://{asked.rest}"] if asked.rest else []
    try:
        if running:
            lines = check(asked.servable, running)
        else:
            with docker(asked.servable, asked.image) as addresses:
                lines = check(asked.servable, addresses)
    except RefinezooError as error:
        print(f"refinezoo: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    print("\n".join(lines))


if __name__ == "__main__":
    main()
