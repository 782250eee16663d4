"""A detector for an edge device, from labelled photos and refined renders.

Refines the renders, merges them with the photos, trains an SSD, measures it on photos it has not
seen, and writes an int8 LiteRT file with what the compression cost.

python examples/hybrid_detector.py renders/ photos/ photos_test/ products.tflite
"""

import sys
from pathlib import Path

import keras

import refinezoo
from refinezoo.data import CocoDataset, list_images, read_image
from refinezoo.data.merge import merge_datasets
from refinezoo.tasks.detection import DetectionBatches


def main(
    renders,
    photos,
    test,
    out="products.tflite",
    start="efficientnet_lite0_imagenet",
    size=300,
    epochs=60,
    force=False,
    work=".",
    **network,
):
    """`force` writes the file even where int8 costs more than the quality gate allows."""
    work = Path(work)
    refiner = refinezoo.refiners.PopulationTransport()
    refiner.adapt(
        map(read_image, list_images(photos)), renders=map(read_image, list_images(renders))
    )
    refinezoo.refine_dataset(renders, work / "refined", refiner)
    sources = {"real": photos, "refined": work / "refined"}
    merge_datasets(work / "hybrid", sources, ratio=(1, 2))

    hybrid = CocoDataset.load(work / "hybrid")
    network |= {"backbone": "efficientnet_lite0"} if start else {}
    detector = refinezoo.tasks.detection.SSD300(hybrid.class_names, image_size=size, **network)
    if start:  # ImageNet features: from scratch, few photos teach a detector little
        detector.start_from(start)
    detector.compile(keras.optimizers.Adam(1e-3))
    detector.fit(DetectionBatches(hybrid, detector, batch_size=16), epochs=epochs)
    print("AP50", detector.evaluate_coco(CocoDataset.load(test))["AP50"])
    frames = [read_image(path) for path in list_images(photos)]
    return refinezoo.export.litert(
        detector, out, precision="int8", calibration=frames, evaluation=test, force=force
    )


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
