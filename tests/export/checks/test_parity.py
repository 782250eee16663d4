import numpy as np
import pytest

from refinezoo import RefinezooError, export
from refinezoo.refiners.kind import REFINER

pytestmark = pytest.mark.tensorflow


class Other:
    """The exported refiner's input, one pixel off by nine levels: a model it is not equal to."""

    kind = REFINER

    def __init__(self, refiner):
        self.refiner = refiner

    def refine(self, images):
        refined = self.refiner.refine(images).astype(int)
        refined[0, 0, 0, 0] += 9 if refined[0, 0, 0, 0] < 128 else -9
        return refined.astype(np.uint8)


def test_a_difference_is_reported(refiner, refiner_folder, photos):
    same = export.check_saved_model(refiner_folder, refiner, photos[:1])
    other = export.check_saved_model(refiner_folder, Other(refiner), photos[:1])
    assert same.max_abs_error <= 1 and 8 <= other.max_abs_error <= 10
    assert other.psnr < 70 < same.psnr
    assert other.signatures == ("serving_default", "tensor") and other.images == 1


def test_another_size_is_refused(refiner, refiner_folder, photos):
    class Crops:
        kind = REFINER

        def refine(self, images):
            return images[:, :-1]

    with pytest.raises(RefinezooError, match="expected an output of"):
        export.check_saved_model(refiner_folder, Crops(), photos[:1])


def test_wrong_calls_are_worded(refiner, refiner_folder, photos):
    with pytest.raises(RefinezooError, match="at least one image"):
        export.check_saved_model(refiner_folder, refiner, [])
    with pytest.raises(RefinezooError, match="expected a refiner"):
        export.check_saved_model(refiner_folder, object(), photos)
