"""What lies behind the numbers: where a classifier looks, what is left of a perturbation, what randomness buys."""

from tf_lowdef.studies.block_study import block_study, blockiness
from tf_lowdef.studies.cam import grad_cam
from tf_lowdef.studies.cam_study import CamRow, CamStudy, cam_study, cam_table
from tf_lowdef.studies.draw_study import draw_study
from tf_lowdef.studies.figures import draw_images, draw_maps, draw_story
from tf_lowdef.studies.gallery import make_gallery
from tf_lowdef.studies.perturbation_study import perturbation_study
from tf_lowdef.studies.story import Frame, tell_story, through

__all__ = [
    "CamRow",
    "CamStudy",
    "Frame",
    "block_study",
    "blockiness",
    "cam_study",
    "cam_table",
    "draw_images",
    "draw_maps",
    "draw_story",
    "draw_study",
    "grad_cam",
    "make_gallery",
    "perturbation_study",
    "tell_story",
    "through",
]
