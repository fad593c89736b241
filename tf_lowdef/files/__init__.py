"""Images on disk: reading any of them safely, writing whole files or none, walking a folder. Pillow and numpy only."""

from tf_lowdef.files.atomic import (
    Like,
    atomic_path,
    is_temporary,
    make_folders,
    remove_leftovers,
    sync_folder,
    write_bytes,
    write_text,
)
from tf_lowdef.files.images import (
    ImageReadError,
    encode_png,
    open_image,
    read_file,
    read_formats,
    read_rgb,
    write_png,
)
from tf_lowdef.files.pixels import to_8_bit, to_rgb, upright
from tf_lowdef.files.table import csv_text, open_text, read_cell
from tf_lowdef.files.walk import Scan, find_images, image_extensions, scan_folder

__all__ = [
    "ImageReadError",
    "Like",
    "Scan",
    "atomic_path",
    "csv_text",
    "encode_png",
    "find_images",
    "image_extensions",
    "is_temporary",
    "make_folders",
    "open_image",
    "open_text",
    "read_cell",
    "read_file",
    "read_formats",
    "read_rgb",
    "remove_leftovers",
    "scan_folder",
    "sync_folder",
    "to_8_bit",
    "to_rgb",
    "upright",
    "write_bytes",
    "write_png",
    "write_text",
]
