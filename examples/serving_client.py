"""Refines a folder through TF Serving.

refinezoo export cyclegan_fgbg --out servable
docker run -p 8500:8500 -v $PWD/servable/cyclegan_fgbg:/models/cyclegan_fgbg \
    -e MODEL_NAME=cyclegan_fgbg tensorflow/serving
python examples/serving_client.py grpc://localhost:8500 cyclegan_fgbg renders/ refined/
"""

import sys
from pathlib import Path

from refinezoo.data import list_images, read_image, write_image
from refinezoo.export import ServingClient, ServingError


def main(address, model, renders, out="refined", per_request=4):
    """Returns the number of images that came back."""
    paths = list_images(renders)
    with ServingClient(address, model, timeout=60, retries=3) as client:
        client.wait_until_ready()
        print({key: client.info()[key] for key in ("name", "version", "weights_sha256")})
        for start in range(0, len(paths), per_request):
            chosen = paths[start : start + per_request]
            try:
                refined = client.refine([read_image(path) for path in chosen])
            except ServingError as error:  # one bad image: say which request, go on
                print(f"{chosen[0].name} and next: {error}", file=sys.stderr)
                continue
            for path, image in zip(chosen, refined, strict=True):
                write_image(Path(out) / f"{path.stem}.png", image)
    return len(list_images(out))


if __name__ == "__main__":
    print(main(*sys.argv[1:]), "images")
