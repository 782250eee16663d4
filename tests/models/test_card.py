"""The model card that comes with a preset."""

import pytest
import yaml

from refinezoo.models.card import CARD_FILE, MARK

pytestmark = pytest.mark.once


def test_a_preset_has_a_card_that_the_hub_reads(tiny_class, tmp_path):
    folder = tiny_class(filters=3).save_to_preset(tmp_path / "preset")
    text = (folder / CARD_FILE).read_text(encoding="utf-8")
    _, head, body = text.split("---\n", 2)
    assert yaml.safe_load(head) == {
        "library_name": "refinezoo",
        "tags": ["refinezoo", "keras", "refiner"],
        "pipeline_tag": "image-to-image",
    }
    assert "# Tiny" in body and "filters: 3" in body and "sha256 `" in body


def test_a_card_of_ones_own_outlives_the_next_save(tiny_class, tmp_path):
    model = tiny_class()
    folder = model.save_to_preset(tmp_path / "preset")
    card = folder / CARD_FILE
    card.write_text(card.read_text().replace("filters: 4", "filters: 5"))
    assert "filters: 4" in (model.save_to_preset(folder) / CARD_FILE).read_text()
    own = card.read_text().replace(MARK, "") + "Trained on my photos."
    card.write_text(own)
    assert (model.save_to_preset(folder) / CARD_FILE).read_text() == own
