"""A pinhole camera before walls and floors: which homography a surface is seen by.

The axes of the world are x to the right, y down and z away from the camera. A point (X, Y, Z) in
front of the camera is seen at ``(f X / Z, f Y / Z)`` from the middle of the image, f being the
focal length in pixels. A plane with the unit vectors a (along its text) and b (down its text)
through the point p carries its own coordinates (u, v) to the picture by the homography
``K [a b p]``, K being the camera matrix (Hartley and Zisserman, "Multiple View Geometry in Computer
Vision", 2nd edition, 2004, section 8.1).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Camera", "draw_camera"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera held a little askew.

    Attributes
    ----------
    size
        ``(height, width)`` of its pictures.
    focal
        Focal length in pixels.
    rotation
        ``(3, 3)`` from world to camera axes: pitch and roll (its yaw is that of the walls).
    """

    size: tuple[int, int]
    focal: float
    rotation: Matrix

    def plane(
        self, centre: ArrayLike, *, yaw: float, level: bool = False, scale: float = 1.0
    ) -> Matrix:
        """Return the homography of a surface that is seen at the pixel `centre`.

        Parameters
        ----------
        centre
            The pixel (x, y) where the plane's (0, 0) is seen.
        yaw
            How far the surface is turned about the vertical, in radians: a wall of yaw 0 faces the
            camera, a positive one recedes to the right.
        level
            A floor or table top, with its text facing the camera, rather than a wall.
        scale
            Pixels of the picture per unit of the plane's coordinates at `centre`, across the ray
            of sight.
        """
        height, width = self.size
        right = np.array([np.cos(yaw), 0, np.sin(yaw)])
        # "Down" on a floor is towards the camera.
        down = np.array([np.sin(yaw), 0.0, -np.cos(yaw)]) if level else np.array([0.0, 1.0, 0.0])
        camera_matrix = np.array(
            [[self.focal, 0, (width - 1) / 2], [0, self.focal, (height - 1) / 2], [0, 0, 1]]
        )
        ray = np.linalg.solve(camera_matrix, [*np.asarray(centre, np.float64), 1.0])
        distance = self.focal / scale
        columns = [self.rotation @ right, self.rotation @ down, distance * ray]
        return np.asarray(camera_matrix @ np.column_stack(columns))


def draw_camera(size: tuple[int, int], rng: np.random.Generator) -> Camera:
    """Draw a camera as people hold it: 40 to 75 degrees wide, level within a few degrees."""
    field = rng.uniform(np.deg2rad(40), np.deg2rad(75))
    pitch = rng.normal(np.deg2rad(-4), np.deg2rad(7))  # signs hang high: mostly looking up
    roll = rng.normal(0, np.deg2rad(2.5))
    tilted = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    rolled = np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    return Camera(size, max(size) / 2 / float(np.tan(field / 2)), rolled @ tilted)
