"""The layers of PVANET 9.1 at full size: shapes of every stage, and weights counted by hand."""

import keras
import numpy as np
import pytest

from refinezoo.networks.pvanet import (
    pvanet_features,
    region_head,
    region_proposal_network,
    shared_features,
)

pytestmark = pytest.mark.once

# Weights of the table in the paper's prototxt. c(k, i, o) is a k x k convolution with bias, n(x) a
# normalisation's gamma and beta; C.ReLU has a scale and a shift for each of its doubled channels.
#   conv1      7*7*3*16 + 2*32                                                        =     2,416
#   conv2_1    c(1,32,24) n(24) c(3,24,24) 2*48 c(1,48,64), projection c(1,32,64)     =    11,392
#   conv2_2,3  n(64) c(1,64,24) n(24) c(3,24,24) 2*48 c(1,48,64)             2 * 10,176 = 20,352
#   conv3_1    n(64) c(1,64,48) n(48) c(3,48,48) 2*96 c(1,96,128), c(1,64,128)        =    45,056
#   conv3_2-4  n(128) c(1,128,48) n(48) c(3,48,48) 2*96 c(1,96,128)          3 * 39,936 = 119,808
#   conv4_1    n(128), inner convolutions without bias, each with n:
#              128*64 | 128*48, 9*48*128 | 128*24, 9*24*48, 9*48*48 | 128*128,
#              c(1,368,256), projection c(1,128,256)                                  =   248,912
#   conv4_2-4  n(256), 256*64 | 256*64, 9*64*128 | 256*24, 9*24*48, 9*48*48,
#              c(1,240,256)                                                 3 * 206,704 = 620,112
#   conv5_1    n(256), 256*64 | 256*96, 9*96*192 | 256*32, 9*32*64, 9*64*64 | 256*128,
#              c(1,448,384), projection c(1,256,384)                                  =   576,000
#   conv5_2,3  n(384), 384*64 | 384*96, 9*96*192 | 384*32, 9*32*64, 9*64*64,
#              c(1,320,384)                                                 2 * 419,968 = 839,936
#   conv5_4    the same, without the bias of the last but with n(384), then n(384)     =   421,120
BACKBONE = 2_416 + 31_744 + 164_864 + 869_024 + 1_837_056
#   convf_rpn c(1,768,128), convf_2 c(1,768,384)
SHARED = 98_432 + 295_296
#   c(3,128,384), c(1,384,84), c(1,384,168)
PROPOSING = 442_752 + 32_340 + 64_680
#   20 classes: 18432*4096 + 4096, n(4096), 4096*4096 + 4096, n(4096), 4097*21, 4097*84
HEAD = 75_501_568 + 8_192 + 16_781_312 + 8_192 + 86_037 + 344_148


def count(model) -> int:
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


@pytest.fixture(scope="module", autouse=True)
def without_weights():
    """Shapes and counts alone: 97 million numbers need not be drawn to be counted."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in (keras.initializers.VarianceScaling, keras.initializers.RandomNormal):
            patch.setattr(kind, "__call__", lambda self, shape, dtype=None: np.zeros(shape, dtype))
        yield


@pytest.fixture(scope="module")
def first_stage():
    images = keras.Input((640, 416, 3))
    proposing, features = shared_features(pvanet_features(images))
    outputs = region_proposal_network(proposing, 42)
    return keras.Model(images, [features, *outputs])


def test_the_weights_are_those_of_the_table(first_stage):
    assert BACKBONE == 2_905_104
    assert count(first_stage) == BACKBONE + SHARED + PROPOSING == 3_838_604


def test_the_head_holds_most_of_the_weights():
    pooled = keras.Input((None, 6 * 6 * 512))
    head = keras.Model(pooled, region_head(pooled, 20))
    assert count(head) == HEAD == 92_729_449
    assert head.output.shape == (None, None, 21 + 84)


def test_every_stage_has_its_shape(first_stage):
    for name, shape in {
        "conv1_1": (320, 208, 16),
        "conv1_1_crelu": (320, 208, 32),
        "pool1": (160, 104, 32),
        "conv2_1_3_crelu": (160, 104, 48),
        "conv2_3": (160, 104, 64),
        "conv3_1_1": (80, 52, 48),
        "conv3_1_3_crelu": (80, 52, 96),
        "conv3_4": (80, 52, 128),
        "conv4_1_incep": (40, 26, 64 + 128 + 48 + 128),
        "conv4_2_incep": (40, 26, 240),
        "conv4_4": (40, 26, 256),
        "conv5_1_incep": (20, 13, 64 + 192 + 64 + 128),
        "conv5_2_incep": (20, 13, 320),
        "conv5_4": (20, 13, 384),
        "upsample": (40, 26, 384),
        "downsample": (40, 26, 128),
        "concat": (40, 26, 768),
        "convf_rpn": (40, 26, 128),
        "convf": (40, 26, 512),
        "rpn_objectness": (40, 26, 84),
        "rpn_boxes": (40, 26, 168),
    }.items():
        assert first_stage.get_layer(name).output.shape == (None, *shape), name
    _, logits, offsets = first_stage.outputs
    assert logits.shape == (None, 40 * 26 * 42, 2) and offsets.shape == (None, 40 * 26 * 42, 4)


def test_pre_activation_and_its_two_exceptions(first_stage):
    names = {layer.name for layer in first_stage.layers}
    # pool1 goes into conv2_1 as it is, conv3_1 projects its activated input, conv4_1 its raw one.
    assert "conv2_1_1_bn" not in names and "conv2_2_1_bn" in names and "conv3_1_1_bn" in names

    def before(name):
        return first_stage.get_layer(name).input.name

    assert before("conv2_1_proj") == first_stage.get_layer("pool1").output.name
    assert before("conv3_1_proj") == first_stage.get_layer("conv3_1_1_relu").output.name
    assert before("conv4_1_proj") == first_stage.get_layer("conv3_4").output.name
    assert before("conv5_1_proj") == first_stage.get_layer("conv4_4").output.name


def test_width_scales_every_stage():
    images = keras.Input((64, 64, 3))
    hyper = pvanet_features(images, width_multiplier=0.25)
    assert hyper.shape == (None, 4, 4, 768 // 4)
    proposing, features = shared_features(hyper, width_multiplier=0.25)
    assert proposing.shape[-1] == 32 and features.shape[-1] == 128
