"""FAB: projections onto planes in the box, the smallest perturbations of a linear model, and surviving 8 bits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from tf_lowdef.attacks import FAB
from tf_lowdef.attacks.planes import to_plane

every_norm = pytest.mark.parametrize("norm", ["Linf", "L2"])


def planes(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw points, normals with a zero in each, and gaps of which the last lies beyond the box."""
    rng = np.random.default_rng(seed)
    points, normals = rng.uniform(0, 255, (4, 2, 3, 1)), rng.normal(size=(4, 2, 3, 1))
    normals[:, 0, 0] = 0
    reach = [np.where(sign * normals > 0, 255 - points, -points) * normals for sign in (1, -1)]
    ups, downs = (each.sum((1, 2, 3)) for each in reach)
    gaps = np.array([0.3 * ups[0], 0.8 * downs[1], 0.05 * ups[2], 2 * ups[3]])
    return points.astype(np.float32), normals.astype(np.float32), gaps.astype(np.float32)


@every_norm
def test_a_projection_reaches_the_plane_inside_the_box(norm):
    points, normals, gaps = planes()
    change = to_plane(points, normals, gaps, norm)
    np.testing.assert_allclose((change * normals).sum((1, 2, 3))[:3], gaps[:3], rtol=1e-4)
    assert (points + change).min() >= 0
    assert (points + change).max() <= 255
    assert not change[:, 0, 0].any()
    corner = np.where(normals > 0, 255 - points, -points) * (normals != 0)
    np.testing.assert_allclose(change[3], corner[3], rtol=1e-6)


def test_a_projection_in_linf_is_the_linear_programmes():
    points, normals, gaps = (array[:3] for array in planes())
    change = to_plane(points, normals, gaps, "Linf")
    for number, (point, normal, gap) in enumerate(zip(points.reshape(3, 6), normals.reshape(3, 6), gaps, strict=True)):
        sides = np.block([[np.eye(6), -np.ones((6, 1))], [-np.eye(6), -np.ones((6, 1))]])
        box = [(-value, 255 - value) for value in point]
        best = linprog([0] * 6 + [1], sides, np.zeros(12), [[*normal, 0]], [gap], bounds=[*box, (0, None)])
        assert abs(change[number]).max() == pytest.approx(best.fun, rel=1e-4)


def test_a_projection_in_l2_beats_every_other_point_of_the_plane():
    points, normals, gaps = (array[:1] for array in planes())
    change, rng = to_plane(points, normals, gaps, "L2"), np.random.default_rng(1)
    for _ in range(200):
        other = change + rng.normal(0, 3, change.shape)
        other += normals * (gaps[0] - (other * normals).sum()) / np.square(normals).sum()
        if (points + other).min() >= 0 and (points + other).max() <= 255:
            assert np.linalg.norm(other) >= np.linalg.norm(change) - 1e-3


@every_norm
def test_it_finds_the_nearest_boundary_of_a_linear_model(linear, norm):
    model = linear()
    found = FAB(steps=10, norm=norm, survive_rounding=False)(model, model.images, model.labels)
    assert found.float_success.all()
    # Linf moves every value alike, so that its L2 norm tells it.
    size = 255 * found.float_l2 / (np.sqrt(model.images[0].size) if norm == "Linf" else 1)
    ratio = size / model.nearest(norm)
    assert ((ratio >= 1) & (ratio < 1.02)).all(), ratio


@every_norm
def test_it_survives_rounding_at_little_more(linear, norm):
    model = linear()
    found = FAB(steps=20, norm=norm)(model, model.images, model.labels)
    assert found.success.all()
    size = found.linf if norm == "Linf" else 255 * found.l2
    nearest = model.nearest(norm)
    assert (size >= nearest).all()
    assert (size <= nearest + (1 if norm == "Linf" else 3)).all(), (size, nearest)


def test_restarts_follow_from_the_seed_and_never_harm(linear):
    model = linear()
    once, twice, again = (
        FAB(steps=5, restarts=n, norm="l2")(model, model.images, model.labels, batch_size=size)
        for n, size in ((1, 6), (2, 6), (2, 4))
    )
    assert (twice.l2 <= once.l2).all()
    assert (twice.queries == 2 * once.queries).all()
    np.testing.assert_array_equal(twice.images, again.images)


def test_what_is_wrong_already_stays(linear):
    model = linear()
    found = FAB(steps=2)(model, model.images, (model.labels + 1) % 4)
    np.testing.assert_array_equal(found.images, model.images)
    assert not found.queries.any()


@pytest.mark.parametrize(
    ("name", "value"), [("steps", 0), ("eta", 0.5), ("beta", 0.0), ("alpha_max", 2), ("norm", "l1")]
)
def test_bad_parameters(name, value):
    with pytest.raises(ValueError, match=f"{name}={value!r}"):
        FAB(**{name: value})
