"""The loss curve of a training."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont


def draw_curve(log: Sequence[Mapping[str, float]], *, size: tuple[int, int] = (720, 360)) -> bytes:
    """The loss over the steps as a PNG: every value in a faint colour, their running mean in a strong one."""
    points = [(line["step"], line["loss"]) for line in log if np.isfinite(line.get("loss", np.nan))]
    picture = Image.new("RGB", size, "white")
    if len({step for step, _ in points}) > 1:
        most = float(np.finfo(np.float32).max)  # a damaged log may have larger numbers
        _plot(ImageDraw.Draw(picture), np.clip(np.asarray(points, dtype=np.float64), -most, most), size)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _plot(draw: ImageDraw.ImageDraw, points: np.ndarray[Any, Any], size: tuple[int, int]) -> None:
    left, top, right, bottom = 56, 28, size[0] - 16, size[1] - 32
    steps, losses = points.T
    width = max(1, len(losses) // 50)
    means = np.convolve(losses, np.ones(width) / width, mode="valid")
    low, high = float(min(means.min(), losses.min())), float(np.quantile(losses, 0.99))
    high = max(high, low + 1e-9, np.nextafter(low, np.inf))  # floats near 1e30 are further apart than 1e-9
    font = ImageFont.load_default(12)

    def place(step: float, loss: float) -> tuple[float, float]:
        across = (step - steps.min()) / np.ptp(steps)
        up = (min(loss, high) - low) / (high - low)
        return left + across * (right - left), bottom - up * (bottom - top)

    for share in np.linspace(0, 1, 5):
        loss, step = low + share * (high - low), steps.min() + share * np.ptp(steps)
        y, x = place(steps.min(), loss)[1], place(step, low)[0]
        draw.line([(left, y), (right, y)], fill="#dddddd")
        draw.text((left - 6, y), f"{loss:.3g}", fill="#555555", font=font, anchor="rm")
        draw.text((x, bottom + 8), f"{step:,.0f}", fill="#555555", font=font, anchor="mt")
    draw.text((left, 8), f"loss (mean of {width} noted steps)", fill="#555555", font=font)
    draw.line([place(step, loss) for step, loss in points], fill="#cfd8ea", width=1)
    draw.line([place(s, m) for s, m in zip(steps[width - 1 :], means, strict=True)], fill="#2f5fb3", width=2)
