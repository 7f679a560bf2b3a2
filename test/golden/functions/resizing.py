#!/usr/bin/env python3
"""Makes resizing.json:  python3 test/golden/functions/resizing.py"""
import torch
from torch.nn import functional as F
from golden import Family

family = Family("resizing")
add, u = family.add, family.uniform

row, image, volume = u(2, 3, 5), u(2, 2, 4, 5), u(1, 2, 3, 4, 2)
for mode, x, size in (("nearest", row, 8), ("nearest", image, "(7, 3)"), ("nearest", volume, "(5, 2, 3)"), ("nearest-exact", row, 8), ("nearest-exact", image, "(7, 3)"), ("nearest-exact", volume, 4),
                      ("linear", row, 8), ("linear", row, "[3]"), ("bilinear", image, "(7, 3)"), ("trilinear", volume, "(5, 2, 3)"), ("bicubic", image, "(7, 3)"), ("area", row, 3), ("area", image, "(3, 2)"), ("area", volume, 2)):
    add(f"{mode}/{x.dim() - 2}d to {size}", f"out = F.interpolate(x, size={size}, mode='{mode}')", {"x": x})
for mode, x in (("linear", row), ("bilinear", image), ("trilinear", volume), ("bicubic", image)):
    add(f"{mode}/align_corners", f"out = F.interpolate(x, size=3, mode='{mode}', align_corners=True)", {"x": x})
    add(f"{mode}/to 1, align_corners", f"out = F.interpolate(x, size=1, mode='{mode}', align_corners=True)", {"x": x})
    add(f"{mode}/scale", f"out = F.interpolate(x, scale_factor=1.7, mode='{mode}')", {"x": x})
    add(f"{mode}/scale computed again", f"out = F.interpolate(x, scale_factor=1.7, mode='{mode}', recompute_scale_factor=True)", {"x": x})
    add(f"{mode}/scale and align_corners", f"out = F.interpolate(x, scale_factor=2, mode='{mode}', align_corners=True)", {"x": x})
add("nearest/scales by dimension", "out = F.interpolate(x, scale_factor=(2, 0.6))", {"x": image})
add("nearest/a scale that is no fraction of two", "out = F.interpolate(x, scale_factor=2.3) ", {"x": row})
add("nearest-exact/scale", "out = F.interpolate(x, scale_factor=0.7, mode='nearest-exact')", {"x": image})
add("area/scale", "out = F.interpolate(x, scale_factor=0.5, mode='area')", {"x": image})
add("upsample/old names", "out = F.upsample(x, scale_factor=2) + F.upsample_nearest(x, size=(8, 10)) * F.upsample_bilinear(x, scale_factor=2) + F.upsample(x, (8, 10), mode='bilinear', align_corners=True)", {"x": image})
add("pixel_shuffle/plain", "out = F.pixel_shuffle(x, 2)", {"x": u(2, 8, 3, 2)})
add("pixel_shuffle/no batch, 3", "out = torch.pixel_shuffle(x, upscale_factor=3)", {"x": u(9, 2, 3)})
add("pixel_unshuffle/plain", "out = F.pixel_unshuffle(x, 2)", {"x": u(1, 2, 3, 4, 6)})
add("pixel_unshuffle/and back", "out = F.pixel_shuffle(torch.pixel_unshuffle(x, 3).tanh(), 3)", {"x": u(2, 6, 3)})
add("channel_shuffle/groups", "out = F.channel_shuffle(x, 3)", {"x": u(2, 6, 2, 3)}, reference=lambda x: x.reshape(2, 3, 2, 2, 3).transpose(1, 2).reshape(2, 6, 2, 3))

# ---- sampling

grid = u(2, 3, 4, 2, low=-1.6, high=1.6)
for mode in ("bilinear", "nearest", "bicubic"):
    for padding in ("zeros", "border", "reflection"):
        for align in (False, True):
            add(f"grid_sample/{mode}, {padding}, {align}", f"out = F.grid_sample(x, grid, mode='{mode}', padding_mode='{padding}', align_corners={align})", {"x": image, "grid": grid})
add("grid_sample/defaults", "out = F.grid_sample(x, grid)", {"x": image, "grid": grid})
add("grid_sample/one pixel", "out = F.grid_sample(x, grid, padding_mode='reflection', align_corners=True)", {"x": u(2, 2, 1, 1), "grid": grid})
for padding in ("zeros", "border", "reflection"):
    add(f"grid_sample/volume, {padding}", f"out = F.grid_sample(x, grid, padding_mode='{padding}', align_corners=False)", {"x": volume, "grid": u(1, 2, 3, 2, 3, low=-1.4, high=1.4)})
add("grid_sample/volume, nearest", "out = F.grid_sample(x, grid, 'nearest', 'border', True)", {"x": volume}, {"grid": u(1, 2, 3, 2, 3)})
add("affine_grid/image", "out = F.affine_grid(theta, (2, 3, 4, 5), align_corners=False)", {"theta": u(2, 2, 3)})
add("affine_grid/align_corners, one pixel wide", "out = F.affine_grid(theta, [2, 1, 3, 1], True)", {"theta": u(2, 2, 3)})
add("affine_grid/volume", "out = F.affine_grid(theta, size=(1, 1, 2, 3, 4))", {"theta": u(1, 3, 4)})
add("affine_grid/spatial transformer", ["grid = F.affine_grid(theta, x.size(), align_corners=False)", "out = F.grid_sample(x, grid, align_corners=False)"], {"x": image, "theta": torch.tensor([[[0.8, 0.11, 0.13], [-0.17, 0.9, 0.07]], [[1.1, -0.2, 0.03], [0.19, 0.7, -0.21]]])})
for mode in ("bilinear", "bicubic"):
    for name, arguments in {"fewer": "size=(3, 2)", "more": "size=(9, 10)", "mixed": "size=(2, 11)", "one": "size=1", "the same": "size=(6, 7)", "scale": "scale_factor=0.5", "scales": "scale_factor=(0.4, 1.7)", "recomputed": "scale_factor=(0.4, 0.7), recompute_scale_factor=True", "aligned": "size=(3, 4), align_corners=True", "aligned one": "size=(1, 3), align_corners=True"}.items():
        add(f"interpolate/antialias {mode}, {name}", f"out = F.interpolate(a, mode='{mode}', antialias=True, {arguments})", {"a": family.uniform(2, 2, 6, 7)})
    add(f"interpolate/antialias {mode}, much smaller", f"out = F.interpolate(a, (2, 3), None, '{mode}', None, None, True)", {"a": family.uniform(1, 1, 40, 33)})
family.write()
