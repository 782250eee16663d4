"""Reports: one self-contained HTML page, and contact sheets of image pairs."""

from refinezoo.report.contact_sheet import contact_sheet
from refinezoo.report.page import DetectionView, Page, Pair

__all__ = ["DetectionView", "Page", "Pair", "contact_sheet"]
