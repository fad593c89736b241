"""tf_lowdef: WebP and flip in front of a Keras image classifier, and an honest measure of what that defence is worth.

The public names, which stand in ``__init__.pyi``, are loaded when they are first used (PEP 562), so that ``import
tf_lowdef`` costs no TensorFlow.
"""

from pathlib import Path

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
# A star import must not bring names as common as `data` and `layers`.
__all__ = [name for name in __all__ if not Path(__file__).with_name(name).is_dir()]
