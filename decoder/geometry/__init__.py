"""Where everything lies: sizes, regions, synthesis tiles (section 07), as pure functions and rectangles."""

from jpegai.decoder.geometry.areas import Area, Span
from jpegai.decoder.geometry.needs import Needs, needs
from jpegai.decoder.geometry.regions import Overlap, Region, regions
from jpegai.decoder.geometry.sizes import ceil_div, hyper_size, latent_size, size_argument
from jpegai.decoder.geometry.tiles import Tile, tiles, tiles_in_regions

__all__ = [
    "Area",
    "Needs",
    "Overlap",
    "Region",
    "Span",
    "Tile",
    "ceil_div",
    "hyper_size",
    "latent_size",
    "needs",
    "regions",
    "size_argument",
    "tiles",
    "tiles_in_regions",
]
