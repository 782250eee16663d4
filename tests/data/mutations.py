"""Ten thousand files that something went wrong with, read by every reader.

    python tests/data/mutations.py SEED SHARE FOLDER

Valid files are mutated as disks, networks and exporters do it: bits flipped, bytes cut, doubled,
zeroed or swapped, numbers of headers made extreme; in documents values replaced, keys lost or
doubled. Each case ends in a result or a `RefinezooError`. Prints JSON: cases per reader, what else
was raised, the slowest case and the peak of memory.
"""

import io
import json
import logging
import random
import resource
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from small_sets import coco, ids, photo, put, put_coco

from refinezoo.config import parse_json, parse_yaml, read_json
from refinezoo.data import CocoDataset
from refinezoo.data.check import check_dataset
from refinezoo.data.decode import IMAGE_SUFFIXES, read_header
from refinezoo.data.depth_files import read_depth
from refinezoo.data.formats import recognise
from refinezoo.data.images import read_image
from refinezoo.data.labels import read_labels
from refinezoo.data.mask_files import read_class_ids, read_foreground_mask
from refinezoo.errors import RefinezooError
from refinezoo.models.hdf5 import read_weights, write_weights
from refinezoo.refinement.manifest import Manifest, is_done

EXTREMES = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\1\0\0"]
ODD = [None, True, 0, -1, 1 << 70, 1e308, float("nan"), float("inf"), "", " ", "0", "1e999", "\0"]
ODD += [
    "../../x",
    "/etc/passwd",
    "\ud800",
    "x" * 5000,
    [],
    [[]],
    {},
    {"a": 1},
    [None] * 3,
    [1e9] * 4,
]
WEIGHTS = {"a/w": np.zeros((8, 9), np.float32), "b": np.ones(300, np.float32)}
SHAPES = {name: (array.shape, array.dtype) for name, array in WEIGHTS.items()}


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Bytes with one to three things wrong with them."""
    for _ in range(draw.randint(1, 3)):
        place, length = draw.randrange(len(data) + 1), draw.randint(1, 16)
        if draw.random() < 0.5:  # headers decide more than pixels do
            place = min(place, draw.randrange(64))
        end = place + length
        data = draw.choice(
            [
                data[:place]
                + bytes(b ^ 1 << draw.randrange(8) for b in data[place:end][:1])
                + data[place + 1 :],
                data[:place],
                data[:place] + data[end:],
                data[:end] + data[place:],
                data[:place] + bytes(length) + data[end:],
                data[:place] + draw.randbytes(length) + data[end:],
                data[:place] + draw.choice(EXTREMES) + data[place + 4 :],
            ]
        )
    return data


def altered(value, draw: random.Random):
    """A JSON document with one thing in it replaced, lost or doubled."""
    value = json.loads(json.dumps(value))
    inner, key = value, None
    for _ in range(draw.randint(1, 6)):
        if not isinstance(inner, (dict, list)) or not inner:
            break
        parent, key = (
            inner,
            draw.choice(list(inner) if isinstance(inner, dict) else range(len(inner))),
        )
        inner = parent[key]
    what = draw.random()
    if what < 0.7:
        parent[key] = draw.choice(ODD)
    elif what < 0.85:
        del parent[key]
    elif isinstance(parent, list):
        parent.append(parent[key])
    else:
        parent[str(key) + " "] = parent.pop(key)
    return value


def images() -> dict[str, bytes]:
    """Small images in every format and mode, by suffix and mode."""
    rgb, grey = photo(), ids()
    kinds = {
        "rgb": Image.fromarray(rgb),
        "grey": Image.fromarray(grey),
        "rgba": Image.fromarray(np.dstack([rgb, grey * 30])),
        "palette": Image.fromarray(rgb).quantize(16),
        "deep": Image.fromarray(grey.astype(np.uint16) * 300),
        "float": Image.fromarray(rgb[..., 0].astype(np.float32)),
        "cmyk": Image.fromarray(rgb).convert("CMYK"),
    }
    exif = Image.Exif()
    exif[0x0112] = 6
    found = {}
    for kind, image in kinds.items():
        for suffix in (".png", ".jpg", ".bmp", ".webp", ".tif", ".ppm", ".tga", ".jp2", ".gif"):
            file = io.BytesIO()
            try:
                name = {".jpg": "JPEG", ".tif": "TIFF", ".jp2": "JPEG2000"}.get(suffix, suffix[1:])
                image.save(file, name, **({"exif": exif} if suffix == ".jpg" else {}))
            except (OSError, ValueError, KeyError):
                continue  # no such mode in that format
            found[f"{kind}{suffix}"] = file.getvalue()
    return found


def depths() -> dict[str, bytes]:
    """Depth maps in every format that needs no extra, by name."""
    depth = np.linspace(0.5, 9, 24 * 32, dtype=np.float32).reshape(24, 32)
    npy, npz, tif, png = (io.BytesIO() for _ in range(4))
    np.save(npy, depth)
    np.savez_compressed(npz, depth=depth, other=depth)
    Image.fromarray(depth).save(tif, "TIFF")
    Image.fromarray((depth * 1000).astype(np.uint16)).save(png, "PNG")
    pfm = b"Pf\n32 24\n-1.0\n" + depth.tobytes()
    return {"a.npy": npy.getvalue(), "a.npz": npz.getvalue(), "a.tif": tif.getvalue()} | {
        "a.png": png.getvalue(),
        "a.pfm": pfm,
    }


def of_files(files: dict[str, bytes], readers: list[Callable], folder: Path, draw: random.Random):
    """One mutated file, read by one of the readers."""
    name = draw.choice(list(files))
    path = folder / f"x{Path(name).suffix}"
    path.write_bytes(mutated(files[name], draw))
    return lambda: draw.choice(readers)(path)


def dataset(folder: Path, kind: str) -> Path:
    """A valid little dataset; the file that is mutated."""
    for number in range(2):
        put(folder / f"images/{number}.png", photo(number))
    if kind == "coco":
        document = coco(["0.png", "1.png"])
        mask = {"size": [24, 32], "counts": [100, 20, 648]}
        document["annotations"][0]["segmentation"] = mask
        document["annotations"][1] |= {"segmentation": [[3, 4, 13, 4, 13, 12]], "area": 3.5}
        put_coco(folder / "annotations.json", document)
        return folder / "annotations.json"
    if kind == "yolo":
        put(folder / "data.yaml", "names: {0: a, 1: b}\nkpt_shape: null\ntrain: images\n")
        put(folder / "labels/0.txt", "0 .5 .5 .25 .25\n1 .1 .1 .5 .1 .5 .5\n")
        put(folder / "labels/1.txt", "1 .5 .5 .25 .25 .9\n")
        return folder / "labels/0.txt"
    corners = "<xmin>3</xmin><ymin>4</ymin><xmax>13</xmax><ymax>12</ymax>"
    for number in range(2):
        put(
            folder / f"Annotations/{number}.xml",
            f"<annotation><size><width>32</width><height>24</height></size><object><name>a</name>"
            f"<difficult>0</difficult><bndbox>{corners}</bndbox></object></annotation>",
        )
    return folder / "Annotations/0.xml"


def of_datasets(kind: str, folder: Path, draw: random.Random) -> Callable:
    """A dataset whose annotations were altered, loaded, recognised or checked."""
    place = folder / kind
    file = (
        place
        / {"coco": "annotations.json", "yolo": "labels/0.txt", "voc": "Annotations/0.xml"}[kind]
    )
    if not place.exists():
        dataset(place, kind)
        (folder / f"{kind}.good").write_bytes(file.read_bytes())
    good = (folder / f"{kind}.good").read_bytes()
    if kind == "coco" and draw.random() < 0.7:
        file.write_text(json.dumps(altered(json.loads(good), draw)), errors="surrogatepass")
    elif kind == "yolo" and draw.random() < 0.3:
        settings = b"names: {0: a, 1: b}\nkpt_shape: null\ntrain: images\n"
        (place / "data.yaml").write_bytes(mutated(settings, draw))
    else:
        file.write_bytes(mutated(good, draw))
    read = draw.choices([CocoDataset.load, recognise, check_dataset], [5, 3, 1])[0]
    return lambda: read(place)


def of_texts(folder: Path, draw: random.Random) -> Callable:
    """YAML, JSON, labels or a manifest."""
    row = {"file": "a.png", "action": "refined", "source_sha256": "x", "gate": {"score": 1}}
    document = {"format": "refinezoo.refinement/1", "seed": 0, "images": [row], "carried": [row]}
    yaml = b"a: &x [1, 2.5, yes]\nb: {c: *x, d: 'text'}\ne: |\n  block\n? key\n: 2001-01-01\n"
    what = draw.randrange(5)
    if what == 0:
        text = mutated(yaml, draw).decode("latin-1")
        return lambda: parse_yaml(text, "x.yaml")
    if what == 1:
        text = json.dumps(altered(document, draw))
        return lambda: parse_json(text, "x.json")
    if what == 2:
        (folder / "x.json").write_bytes(mutated(json.dumps(document).encode(), draw))
        return lambda: read_json(folder / "x.json", any_number=draw.random() < 0.5)
    if what == 3:
        lines = b"file,class,qw,qx,qy,qz\na.png,cup,1,0,0,0\nb.png,can,0,1,0,0\n"
        (folder / "x.csv").write_bytes(mutated(lines, draw))
        return lambda: read_labels(folder / "x.csv")
    out = folder / "refined"
    out.mkdir(exist_ok=True)
    (out / "manifest.json").write_text(json.dumps(altered(document, draw)), errors="surrogatepass")
    (out / ".refinement.jsonl").write_bytes(mutated(json.dumps(row).encode(), draw))

    def read() -> None:
        manifest = Manifest(out, "manifest.json", {"seed": 0})
        is_done(manifest.rows.get("a.png"), out / "a.png", "x")
        manifest.orphans(["a.png"], prune=False)

    return read


def cases(folder: Path, seed: int, share: float) -> Iterator[tuple[str, Callable]]:
    """Reader and call of each case."""
    draw = random.Random(seed)
    weights = folder / "weights.h5"
    write_weights(weights, WEIGHTS)
    all_images, all_depths, stored = images(), depths(), weights.read_bytes()
    on_images = [read_image, read_header, read_class_ids]
    on_images += [lambda path: read_foreground_mask(path, 24, 32)]
    makers: dict[str, tuple[int, Callable[[], Callable]]] = {
        "images": (4000, lambda: of_files(all_images, on_images, folder, draw)),
        "depth": (1500, lambda: of_files(all_depths, [read_depth], folder, draw)),
        "coco": (1200, lambda: of_datasets("coco", folder, draw)),
        "voc": (400, lambda: of_datasets("voc", folder, draw)),
        "yolo": (400, lambda: of_datasets("yolo", folder, draw)),
        "texts": (1700, lambda: of_texts(folder, draw)),
        "weights": (
            800,
            lambda: of_files(
                {"w.h5": stored}, [lambda path: read_weights(path, SHAPES)], folder, draw
            ),
        ),
    }
    for reader, (count, make) in makers.items():
        for _ in range(round(count * share)):
            yield reader, make()


def main(seed: int, share: float, folder: Path) -> dict:
    """Runs all cases."""
    warnings.simplefilter("ignore")  # of decoders, on broken files
    logging.disable()
    report = {"cases": {}, "refused": 0, "raised": [], "slowest_s": 0.0, "slowest": ""}
    for number, (reader, call) in enumerate(cases(folder, seed, share)):
        started = time.process_time()
        try:
            call()
        except RefinezooError:
            report["refused"] += 1
        except Exception:
            last = traceback.format_exc().strip().splitlines()
            report["raised"].append(f"{reader} {number}: {' | '.join(last[-3:])}")
            for path in sorted(folder.glob("x.*"), key=lambda path: path.stat().st_mtime)[-1:]:
                shutil.copy(path, folder / f"raised_{number}{path.suffix}")
        seconds = time.process_time() - started
        if seconds > report["slowest_s"]:
            report["slowest_s"], report["slowest"] = seconds, f"{reader} {number}"
        report["cases"][reader] = report["cases"].get(reader, 0) + 1
    report["peak_mb"] = peak_mb()
    report["suffixes"] = len(IMAGE_SUFFIXES)
    return report


def peak_mb() -> int:
    """Of this program alone: Linux's `ru_maxrss` begins with what its parent had."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))))
