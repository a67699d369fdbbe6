"""Made-up images with the statistics of real ones, of any size, the same bits on every machine.

Noise is a sum of random bytes (nearly Gaussian), from numpy's PCG64, whose stream is fixed; everything else is
addition, multiplication, division and square roots of doubles, which are the same everywhere. The standard deviation
of the noise is in units of the stored values. How well they compress, beside real images, is in docs/benchmarks.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


class Random:
    """Noise that depends on the seed and on nothing else."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def bytes(self, *shape: int) -> np.ndarray:
        """Uniform bytes."""
        count = int(np.prod(shape))
        words = self._bits.random_raw(-(-count // 8))
        return words.astype("<u8").view(np.uint8)[:count].reshape(shape)

    def noise(self, *shape: int) -> np.ndarray:
        """Nearly Gaussian, of mean 0 and standard deviation 1: the sum of eight bytes."""
        total = self.bytes(8, *shape).sum(axis=0, dtype=np.int64).astype(np.float64)
        return (total - 8 * 127.5) / float(np.sqrt(8 * (256.0**2 - 1) / 12))

    def smooth(self, rows: int, columns: int, step: int) -> np.ndarray:
        """Noise on a grid of `step` samples, interpolated linearly: structure of that size, of about 1."""
        grid = self.noise(rows // step + 2, columns // step + 2)
        y, x = np.arange(rows) / step, np.arange(columns) / step
        top, left = y.astype(np.int64), x.astype(np.int64)
        dy, dx = (y - top)[:, None], x - left
        above = grid[top][:, left] * (1 - dx) + grid[top][:, left + 1] * dx
        below = grid[top + 1][:, left] * (1 - dx) + grid[top + 1][:, left + 1] * dx
        return above * (1 - dy) + below * dy


def _plane(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return y and x from -1 to 1."""
    return (
        ((np.arange(rows) + 0.5) / rows * 2 - 1)[:, None],
        ((np.arange(columns) + 0.5) / columns * 2 - 1)[None, :],
    )


def _blurred(noise: np.ndarray) -> np.ndarray:
    """Return noise of neighbours' means, scaled back to 1: a reconstruction kernel correlates it."""
    mean = noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(np.roll(noise, 1, 0), 1, 1)
    return mean / 2


def ct(rows: int, columns: int, seed: int, sigma: float) -> np.ndarray:
    """A slice of a body with organs and bones, in Hounsfield units, air outside; correlated noise everywhere."""
    random = Random(seed)
    y, x = _plane(rows, columns)
    image = np.full((rows, columns), -1000.0)
    image[(x / 0.85) ** 2 + (y / 0.62) ** 2 < 1] = -90.0  # fat
    image[(x / 0.78) ** 2 + (y / 0.55) ** 2 < 1] = 45.0  # soft tissue
    for cx, cy, width, height, value in (
        (-0.38, -0.05, 0.25, 0.33, -840.0),
        (0.38, -0.05, 0.25, 0.33, -840.0),
        (0.05, 0.02, 0.17, 0.2, 110.0),
        (0.0, 0.42, 0.09, 0.09, 620.0),
    ):
        image[((x - cx) / width) ** 2 + ((y - cy) / height) ** 2 < 1] = value
    circle = (x * x + y * y) < 1.0
    body = image > -900
    image += np.where(body, 14 * random.smooth(rows, columns, 9), 0)
    image += sigma * _blurred(random.noise(rows, columns))
    image[~circle] = -1000  # beyond the field of view there is nothing
    return np.clip(np.rint(image), -1024, 3071).astype(np.int16)


def mr(rows: int, columns: int, seed: int, sigma: float) -> np.ndarray:
    """A head as a magnitude image: Rician noise, so that air is not 0."""
    random = Random(seed)
    y, x = _plane(rows, columns)
    r = (x / 0.7) ** 2 + (y / 0.85) ** 2
    image = np.where(r < 1, 620.0, 0.0)
    image[r < 0.86] = 90.0
    image[r < 0.78] = 380.0
    image = np.where(
        r < 0.78, image + 70 * random.smooth(rows, columns, 14) + 25 * random.smooth(rows, columns, 4), image
    )
    image[((np.abs(x) - 0.12) / 0.07) ** 2 + (y / 0.3) ** 2 < 1] = 900.0
    image = np.maximum(image * (1 - 0.25 * (x * x + y * y)), 0)  # of the coil
    real, imaginary = image + sigma * random.noise(rows, columns), sigma * random.noise(rows, columns)
    return np.clip(np.rint(np.sqrt(real * real + imaginary * imaginary)), 0, 4095).astype(np.uint16)


def cr(rows: int, columns: int, seed: int, sigma: float) -> np.ndarray:
    """A chest on a plate: broad gradients, ribs, and noise that grows with the root of the signal."""
    random = Random(seed)
    y, x = _plane(rows, columns)
    image = 2600 - 900 * (x * x) - 300 * y + 120 * random.smooth(rows, columns, 97)
    lungs = ((np.abs(x) - 0.42) / 0.3) ** 2 + ((y + 0.1) / 0.62) ** 2 < 1
    image = np.where(lungs, image - 1100, image)
    ribs = np.abs(((y + 0.25 * x * x) * 9) % 1.0 - 0.5) < 0.14
    image = np.where(lungs & ribs, image + 260, image)
    image += 18 * random.smooth(rows, columns, 6)
    image += sigma * np.sqrt(np.maximum(image, 1) / 2000) * random.noise(rows, columns)
    return np.clip(np.rint(image), 0, 4095).astype(np.uint16)


def mammography(rows: int, columns: int, seed: int, sigma: float) -> np.ndarray:
    """A breast on a background of exactly 0, more than half of the image, as senders leave it."""
    random = Random(seed)
    y, x = _plane(rows, columns)
    r = ((x + 1) / 1.15) ** 2 + (y / 0.8) ** 2
    texture = 160 * random.smooth(rows, columns, 53) + 60 * random.smooth(rows, columns, 11)
    image = 1400 + 900 * np.sqrt(np.maximum(1 - r, 0)) + texture
    image += sigma * np.sqrt(np.maximum(image, 1) / 2000) * random.noise(rows, columns)
    return np.where(r < 1, np.clip(np.rint(image), 1, 4095), 0).astype(np.uint16)


def ultrasound(rows: int, columns: int, seed: int, sigma: float) -> np.ndarray:
    """A sector of grey speckle in RGB on black, a bar of greys, and a window of Doppler colour."""
    random = Random(seed)
    y, x = _plane(rows, columns)
    depth = np.sqrt(x * x + (y + 1) ** 2)
    sector = (np.abs(x) < 0.75 * (y + 1)) & (depth < 1.85) & (depth > 0.15)
    speckle = np.abs(random.smooth(rows, columns, 3)) * (70 - 25 * depth) + 20 * random.smooth(rows, columns, 31) + 30
    grey = np.where(sector, speckle + sigma * random.noise(rows, columns), 0)
    image = np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    flow = random.smooth(rows, columns, 23)
    window = sector & (np.abs(x) < 0.2) & (np.abs(y - 0.1) < 0.2) & (np.abs(flow) > 0.5)
    image[..., 0][window & (flow > 0)], image[..., 2][window & (flow > 0)] = 220, 20
    image[..., 2][window & (flow < 0)], image[..., 0][window & (flow < 0)] = 220, 20
    image[rows // 10 : rows // 2, -columns // 40 :] = (np.arange(rows // 2 - rows // 10) // 2 % 256)[:, None, None]
    return image


def slide(rows: int, columns: int, seed: int, sigma: float) -> np.ndarray:
    """A tile of stained tissue in RGB: pink ground, darker nuclei, noise of the camera in each channel."""
    random = Random(seed)
    ground = random.smooth(rows, columns, 37) * 0.6 + random.smooth(rows, columns, 7) * 0.25
    nuclei = random.smooth(rows, columns, 11) + 0.5 * random.smooth(rows, columns, 5) > 1.1
    stain = np.clip(0.35 + 0.25 * ground, 0, 1)
    image = np.empty((rows, columns, 3))
    for channel, (light, pink, dark) in enumerate(((243, 205, 96), (240, 130, 62), (245, 185, 138))):
        image[..., channel] = np.where(nuclei, dark + 18 * ground, light + (pink - light) * stain)
        image[..., channel] += sigma * random.noise(rows, columns)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Phantom:
    """A phantom of a size and a noise."""

    make: Callable[[int, int, int, float], np.ndarray]
    rows: int
    columns: int
    bits: int
    sigma: float  # of the noise, in stored values

    def array(self, seed: int = 0) -> np.ndarray:
        return self.make(self.rows, self.columns, seed, self.sigma)


PHANTOMS = {
    "ct": Phantom(ct, 512, 512, 16, 14.0),
    "mr": Phantom(mr, 320, 320, 12, 12.0),
    "cr": Phantom(cr, 2140, 1760, 12, 9.0),
    "mammography": Phantom(mammography, 3328, 2560, 12, 10.0),
    "ultrasound": Phantom(ultrasound, 600, 800, 8, 3.0),
    "slide": Phantom(slide, 512, 512, 8, 3.0),
}
