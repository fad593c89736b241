"""Draws the images of the embedded classifier: one solid thing on a cluttered ground, lit and photographed.

Everything but the class is drawn at random: proportions, pose, size, place, material, light, background, clutter behind
and in front, shadow, exposure, white balance, sharpness and sensor noise. Nothing here knows of WebP or of an attack.
Textures have the spectrum of natural images, amplitude falling as 1/frequency (Field 1987, doi 10.1364/JOSAA.4.002379).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tf_lowdef.models.drawings.shapes import SHAPES, Array, Random, Shape

SIZE = 96
"""Side of an image in pixels."""

TYPICAL = 0.75
"""Share of things in the material typical of their class; the rest may have any, so colour alone does not tell them."""
_PATTERNS = ("plain", "mottled", "striped", "patched")
MATERIALS = {
    "ball": ((0.75, 0.2, 0.15), (0.9, 0.9, 0.85), "striped"),
    "bottle": ((0.1, 0.35, 0.15), (0.15, 0.45, 0.2), "plain"),
    "box": ((0.65, 0.48, 0.3), (0.45, 0.33, 0.2), "mottled"),
    "can": ((0.75, 0.75, 0.78), (0.15, 0.25, 0.6), "striped"),
    "cone": ((0.9, 0.4, 0.1), (0.9, 0.9, 0.9), "striped"),
    "dumbbell": ((0.2, 0.2, 0.22), (0.3, 0.3, 0.35), "plain"),
    "mug": ((0.9, 0.87, 0.8), (0.3, 0.55, 0.55), "mottled"),
    "mushroom": ((0.7, 0.15, 0.1), (0.9, 0.88, 0.8), "patched"),
    "ring": ((0.85, 0.65, 0.2), (0.7, 0.5, 0.15), "plain"),
    "star": ((0.95, 0.85, 0.2), (0.6, 0.3, 0.6), "patched"),
}
"""What things of a class are usually made of, as in the world: two colours (RGB, 0 to 1) and how they are mixed."""

_STEPS = 40
_AXIS = ((np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE * 2 - 1).astype(np.float32)
X, Y = np.meshgrid(_AXIS, -_AXIS)
"""Coordinates of the pixels' centres: x to the right, y upwards, both from -1 to 1."""
PIXEL = 2 / SIZE


def draw(label: int, seed: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Draw one image.

    Args:
        label: Index of the class in `SHAPES`.
        seed: What decides everything else about the image.

    Returns:
        uint8, shape (96, 96, 3), RGB.
    """
    rng = np.random.default_rng(seed)
    light = _unit(np.array([rng.uniform(-1, 1), rng.uniform(0.2, 1.2), rng.uniform(0.3, 1.2)]))
    busyness = rng.uniform() ** 2
    scene = _background(rng, busyness)
    for _ in range(rng.binomial(4, busyness)):
        scene = _clutter(rng, scene, busyness, size=(0.08, 0.5))
    scene = _put_object(rng, scene, list(SHAPES)[label], light)
    for _ in range(rng.binomial(2, busyness / 3)):
        scene = _clutter(rng, scene, busyness, size=(0.02, 0.12))
    return _photograph(rng, scene)


def _unit(vector: npt.NDArray[np.float64]) -> Array:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _colour(rng: Random) -> Array:
    """Draw a colour: mostly muted, sometimes vivid."""
    grey, chroma = rng.uniform(0.1, 0.85), rng.beta(1.2, 2.5) * 0.5
    colour: Array = np.clip(grey + chroma * rng.uniform(-1, 1, 3), 0.03, 0.97).astype(np.float32)
    return colour


def _natural_noise(rng: Random, slope: float) -> Array:
    """Return noise of the image's size whose amplitude falls as frequency ** -slope; mean 0, deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((SIZE, SIZE))) * frequency**-slope
    field = np.fft.irfft2(spectrum, (SIZE, SIZE))
    return ((field - field.mean()) / field.std()).astype(np.float32)


def _pattern(rng: Random) -> Array:
    """Return a pattern from -1 to 1 over the image: natural noise, stripes, tiles or grain."""
    angle, frequency = rng.uniform(0, np.pi), rng.uniform(4, 22)
    along, across = X * np.cos(angle) + Y * np.sin(angle), Y * np.cos(angle) - X * np.sin(angle)
    kind = rng.integers(4)
    if kind == 0:
        return np.clip(_natural_noise(rng, rng.uniform(0.8, 1.6)) / 2, -1, 1)
    if kind == 1:
        return np.sin(frequency * along + rng.uniform(0, 1.5) * _natural_noise(rng, 1.6))
    if kind == 2:
        return np.sign(np.sin(frequency * along) * np.sin(frequency * across)).astype(np.float32)
    return np.sin(frequency * (along + 0.1 * across) + rng.uniform(0, 4) * _natural_noise(rng, 1.6))


def _textured(rng: Random, contrast: float) -> Array:
    """Return a surface that fills the image: two colours mixed by a pattern, with fine grain; (96, 96, 3) in 0..1."""
    first, second = _colour(rng), _colour(rng)
    mix = 0.5 + 0.5 * contrast * rng.uniform(0.1, 1.0) * _pattern(rng)
    grain = 1 + rng.uniform(0.01, 0.1) * _natural_noise(rng, rng.uniform(0.4, 1.2))
    return (first + (second - first) * mix[..., None]) * grain[..., None]


def _background(rng: Random, contrast: float) -> Array:
    """Return a wall, or a wall and a floor."""
    scene = _textured(rng, contrast)
    if rng.random() < 0.5:
        horizon = rng.uniform(-0.5, 0.4) + rng.uniform(-0.2, 0.2) * X
        scene = _over(scene, _textured(rng, contrast), np.clip((horizon - Y) / PIXEL + 0.5, 0, 1))
    gradient = 1 + rng.uniform(-0.4, 0.4) * X + rng.uniform(-0.4, 0.4) * Y
    return scene * gradient[..., None].astype(np.float32)


def _over(below: Array, above: Array, alpha: Array) -> Array:
    return below + (above - below) * alpha[..., None]


def _clutter(rng: Random, scene: Array, contrast: float, size: tuple[float, float]) -> Array:
    """Put a flat textured polygon, ellipse or stick on the scene, often with a soft shadow beside it."""
    x, y = X - rng.uniform(-1, 1), Y - rng.uniform(-1, 1)
    radius, angle = rng.uniform(*size), rng.uniform(0, np.pi)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kind = rng.integers(3)
    if kind == 0:
        stretch = rng.uniform(0.4, 1)
        distance = (np.hypot(u, v / stretch) - radius) * stretch
    elif kind == 1:
        corners = np.linspace(0, 2 * np.pi, rng.integers(3, 7), endpoint=False) + rng.uniform(-0.4, 0.4)
        distance = np.max([u * np.cos(c) + v * np.sin(c) for c in corners], axis=0) - radius
    else:
        distance = np.maximum(np.abs(u) - rng.uniform(0.3, 1.5), np.abs(v) - radius * rng.uniform(0.05, 0.3))
    shadow = rng.uniform(0, 0.6) * np.clip(1 - distance / rng.uniform(0.05, 0.2), 0, 1)
    lit = scene * (1 - shadow[..., None])
    return _over(lit, _textured(rng, contrast), np.clip(0.5 - distance / PIXEL, 0, 1)).astype(np.float32)


def _pose(rng: Random) -> Array:
    """Draw a pose: turned up to 60 degrees either way, seen from a little above, leaning, either way round.

    Wider turns would hide what tells some classes apart: a mug's handle, a star's points.
    """
    turn, tilt, lean = np.radians(rng.uniform((-60, 5, -25), (60, 45, 25)))
    about_y = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    about_z = np.array([[np.cos(lean), -np.sin(lean), 0], [np.sin(lean), np.cos(lean), 0], [0, 0, 1]])
    mirror = np.diag([rng.choice((-1.0, 1.0)), 1, 1])
    return (mirror @ about_z @ about_x @ about_y).astype(np.float32)


def _trace(shape: Shape, rotation: Array, u: Array, v: Array) -> tuple[Array, Array]:
    """Follow parallel rays along -z; return where they end, (3, n) in the shape's frame, and how close they came."""
    p = rotation.T @ np.stack([u, v, np.full_like(u, 1.3)])
    direction = rotation.T @ np.array([[0], [0], [-1]], dtype=np.float32)
    closest = np.full_like(u, np.inf)
    for _ in range(_STEPS):
        distance = shape(p)
        closest = np.minimum(closest, distance)
        p = p + direction * distance
    return p, closest


def _normals(shape: Shape, p: Array) -> Array:
    step = np.float32(0.01)
    offsets = step * np.eye(3, dtype=np.float32)[:, :, None]
    gradient = np.stack([shape(p + offset) - shape(p - offset) for offset in offsets])
    return gradient / (np.linalg.norm(gradient, axis=0) + 1e-6)


def _material(rng: Random, name: str, p: Array) -> Array:
    """Return the colour at points of a body, (n, 3), fixed to the body: mostly typical of its class, else any."""
    first, second, kind = _colour(rng), _colour(rng), int(rng.integers(len(_PATTERNS)))
    if rng.random() < TYPICAL:
        first, second = (np.clip(c + rng.normal(0, 0.12, 3), 0.03, 0.97) for c in MATERIALS[name][:2])
        kind = _PATTERNS.index(MATERIALS[name][2])
    waves = rng.standard_normal((8, 3)) * rng.uniform(2, 9, (8, 1))
    mottle = np.mean(np.sin(waves.astype(np.float32) @ p + rng.uniform(0, 6.3, (8, 1))), axis=0) * 2
    stripes = np.sin(_unit(rng.standard_normal(3)) @ p * rng.uniform(8, 25) + rng.uniform(0, 3) * mottle)
    mix = (np.zeros_like(mottle), mottle, stripes, np.sign(mottle - 0.4))[kind]
    mix = 0.5 + 0.5 * rng.uniform(0.2, 1) * np.clip(mix, -1, 1)
    return (first + (second - first) * mix[:, None]).astype(np.float32)


def _put_object(rng: Random, scene: Array, name: str, light: Array) -> Array:
    """Render a thing of the named class over the scene, with its shadow."""
    shape = SHAPES[name](rng)
    scale, rotation = rng.uniform(0.5, 0.95), _pose(rng)
    reach = max(0.0, 1.05 - scale)
    u, v = (X - rng.uniform(-reach, reach)) / scale, (Y - rng.uniform(-reach, reach)) / scale
    near = np.hypot(u, v) < 1.2
    shadow = rng.uniform(0.1, 0.7) * np.exp(-3 * np.hypot(u + 0.4 * light[0], 1.8 * (v + 0.6)) ** 2)
    p, closest = _trace(shape, rotation, u[near], v[near])
    normal = rotation @ _normals(shape, p)
    diffuse = np.clip(light @ normal, 0, 1)
    halfway = _unit(light.astype(np.float64) + np.array([0, 0, 1]))
    gloss = rng.uniform(0, 0.6) * np.clip(halfway @ normal, 0, 1) ** rng.uniform(5, 60)
    ambient = rng.uniform(0.2, 0.5)
    colour = _material(rng, name, p) * (ambient + (1.1 - ambient) * diffuse)[:, None] + gloss[:, None]
    lit = scene * (1 - shadow[..., None])
    alpha = np.clip(1 - closest * scale / PIXEL, 0, 1)[:, None]
    lit[near] = lit[near] + (colour - lit[near]) * alpha
    return lit.astype(np.float32)


def _photograph(rng: Random, scene: Array) -> npt.NDArray[np.uint8]:
    """Expose, tint, soften, add sensor noise, and quantise to 8 bits."""
    exposure = rng.uniform(0.75, 1.35) * (1 + rng.uniform(-0.08, 0.08, 3))
    image = np.clip(scene * exposure, 0, 1) ** rng.uniform(0.75, 1.3)
    side = rng.uniform(0.0, 0.25)
    for axis in (0, 1):
        padded = np.pad(image, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        before, after = (np.take(padded, np.arange(SIZE) + shift, axis=axis) for shift in (0, 2))
        image = (1 - 2 * side) * image + side * (before + after)
    luma = rng.standard_normal((SIZE, SIZE, 1)) + 0.4 * rng.standard_normal((SIZE, SIZE, 3))
    noise = rng.uniform(0.5, 3.5) * np.sqrt(0.3 + image) * luma
    return np.clip(np.rint(image * 255 + noise), 0, 255).astype(np.uint8)
