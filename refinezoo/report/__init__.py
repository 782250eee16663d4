"""Reports: one self-contained HTML page, and contact sheets of image pairs."""

from refinezoo.report.comparison import Pair
from refinezoo.report.contact_sheet import contact_sheet
from refinezoo.report.page import Page, Panel

__all__ = ["Page", "Pair", "Panel", "contact_sheet"]
