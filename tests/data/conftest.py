"""OpenCV on one thread, as everything else in the tests."""

import cv2

cv2.setNumThreads(1)
