"""Refines a dataset by several processes: of this machine, or of the cluster at RAY_ADDRESS.

pip install 'refinezoo[ray]'
python examples/refine_with_ray.py renders/ refined/ cyclegan_fgbg 8
RAY_ADDRESS=head:6379 python examples/refine_with_ray.py renders/ refined/ my_refiner/ 32 0.5

All machines see both folders under these names. Run it again after a crash: it goes on.
"""

import sys

import refinezoo
from refinezoo.refinement import Gate


def main(renders, out, model="cyclegan_fgbg", workers=2, gpus_per_worker=0.0):
    """Refined dataset out; returns how many renders were refined, and how many kept as they are."""
    summary = refinezoo.refine_dataset(
        renders,
        out,
        refinezoo.load(model),
        gate=Gate(action="drop"),  # where the labels may not be true any more, the render stays
        on_error="skip",
        engine="ray",
        workers=int(workers),
        gpus_per_worker=float(gpus_per_worker),
    )
    print(summary)
    return summary.refined, len(summary.dropped)


if __name__ == "__main__":
    main(*sys.argv[1:])
