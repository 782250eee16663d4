"""Detects in the images of a camera with a LiteRT file: no Keras, no TensorFlow is loaded.

The camera is its number, or a video file or stream that OpenCV opens. Esc ends.

python examples/camera.py products.tflite 0
"""

import sys
import time

import cv2

import refinezoo
from refinezoo.tasks.detection.draw import drawn_boxes


def main(model, camera=0, score=0.3, threads=None):
    """Yields of each frame the drawn image (RGB), the boxes and the milliseconds."""
    detector = refinezoo.export.load_exported(model, threads=threads)
    source = cv2.VideoCapture(int(camera) if str(camera).isdigit() else str(camera))
    if not source.isOpened():
        raise SystemExit(f"cannot open the camera or file {camera!r}")
    try:
        while True:
            there, frame = source.read()
            if not there:
                return
            frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            started = time.perf_counter()
            found = {name: rows[0] for name, rows in detector.predict([frame]).items()}
            milliseconds = 1000 * (time.perf_counter() - started)
            kept = found["scores"] >= score
            names = [detector.class_names[k] for k in found["classes"][kept]]
            boxes, scores = found["boxes"][kept], found["scores"][kept]
            yield drawn_boxes(frame, None, (boxes, names, scores)), boxes, milliseconds
    finally:
        source.release()


if __name__ == "__main__":
    for image, boxes, milliseconds in main(*sys.argv[1:]):
        print(f"{len(boxes)} objects, {milliseconds:.0f} ms", end="\r")
        cv2.imshow("refinezoo", image[..., ::-1])  # of opencv-python; the headless one has none
        if cv2.waitKey(1) == 27:
            break
