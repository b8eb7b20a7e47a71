"""One page that shows what runs learned and how their agents find out: a file without a network."""

from dreamrl.report.collect import collect
from dreamrl.report.page import html

__all__ = ["collect", "html"]
