"""The foreground/background CycleGAN for smart vending machines (Wang et al. 2019).

    L = L_GAN + lambda_cycle L_cyc + lambda_background L_bg + lambda_foreground L_fg

    L_bg = | (F(G(x)) - x) m_bg(x) |_1 + | (G(F(y)) - y) m_bg(y) |_1
    L_fg = | (H(F(G(x))) - H(x)) m_fg(x) |_1 + | (H(G(F(y))) - H(y)) m_fg(y) |_1

H is the hue, m_fg + m_bg = 1 the masks. The paper's tables and weights could not be read: the
lambdas here are ours, the formulas a reconstruction (docs of `hue_loss`). Reference:
arXiv 1904.12294; US patent 11,341,371.
"""

from typing import Literal

from keras import ops
from pydantic import NonNegativeFloat

from refinezoo.losses.colour import hue_loss
from refinezoo.losses.cycle import masked_l1_loss
from refinezoo.models.registry import register
from refinezoo.refiners.cyclegan import CycleGAN


@register
class CycleGANForegroundBackground(CycleGAN):
    """CycleGAN whose background must cycle exactly and whose foreground keeps its hue.

    Training batch: `{"synthetic": {"image", "foreground_mask"}, "real": {...}}`; masks float
    `[B, H, W, 1]`, 1 = object. Refining needs no mask.

    Args:
        lambda_background: weight of L_bg.
        lambda_foreground: weight of L_fg.
        fg_on: `"cycle"` compares the hue of F(G(x)) with that of x (parity with the paper);
            `"translated"` that of G(x), the image that is used for training.
        hue_distance: `"circular"`, weighted by chroma, or `"linear"` (parity).
        lambda_content: weight of |G(x) - x|_1 on the foreground (self-regularisation as in SimGAN,
            not in the paper): keeps the print of products. 0 switches it off.
        **kwargs: of `CycleGAN`.
    """

    required_keys = {
        "synthetic": ("image", "foreground_mask"),
        "real": ("image", "foreground_mask"),
    }
    regions = True

    def __init__(
        self,
        *,
        lambda_background: NonNegativeFloat = 5.0,
        lambda_foreground: NonNegativeFloat = 5.0,
        fg_on: Literal["cycle", "translated"] = "cycle",
        hue_distance: Literal["circular", "linear"] = "circular",
        lambda_content: NonNegativeFloat = 0.0,
        **kwargs,
    ):
        self._lambdas = (lambda_background, lambda_foreground, lambda_content)
        super().__init__(**kwargs)
        self.fg_on, self.hue_distance = fg_on, hue_distance

    def masks(self, batch):
        """Foreground masks, for a judge with heads for foreground and background."""
        return [batch[half]["foreground_mask"] for half in ("synthetic", "real")]

    def extra_loss_weights(self):
        """Weights of `background`, `foreground` and, if it is on, `content`."""
        background, foreground, content = self._lambdas
        weights = {"background": background, "foreground": foreground}
        return weights | ({"content": content} if content else {})

    def extra_losses_of(self, batch, made):
        """L_bg, L_fg and the content term."""
        x, y = made["x"], made["y"]
        fg_x = ops.cast(batch["synthetic"]["foreground_mask"], "float32")
        fg_y = ops.cast(batch["real"]["foreground_mask"], "float32")
        near_x, near_y = (
            (made["back_x"], made["back_y"])
            if self.fg_on == "cycle"
            else (made["refined"], made["fake_render"])
        )
        terms = {
            "background": masked_l1_loss(made["back_x"], x, 1.0 - fg_x)
            + masked_l1_loss(made["back_y"], y, 1.0 - fg_y),
            "foreground": hue_loss(near_x, x, fg_x, self.hue_distance)
            + hue_loss(near_y, y, fg_y, self.hue_distance),
        }
        if "content" in self.loss_weights:
            terms["content"] = masked_l1_loss(made["refined"], x, fg_x)
        return terms
