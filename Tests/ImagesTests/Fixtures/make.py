"""Makes the pictures of the Images tests and, as .npy, the pixels they must decode to.

    python make.py        (needs numpy and Pillow)

The PNGs come from a small encoder of our own, since Pillow cannot write every kind; the expected
pixels come from the numbers that were encoded, not from a decoder, and Pillow's reading of each file
is asserted to agree. JPEGs are written and decoded by Pillow.
"""

import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
H, W = 13, 17  # odd, and too small for some of Adam7's passes to be whole
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed_rows(samples, depth):
    """h×w×s samples to h rows of bytes."""
    h = samples.shape[0]
    flat = samples.reshape(h, -1)
    if depth == 16:
        return flat.astype(">u2").view(np.uint8).reshape(h, -1)
    if depth == 8:
        return flat.astype(np.uint8)
    bits = (flat[..., None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.reshape(h, -1).astype(np.uint8), axis=1)


def filtered(rows, pixel_bytes):
    """Filter types 0 to 4 in turn."""
    out, above = [], np.zeros(rows.shape[1], int)
    for y, row in enumerate(rows.astype(int)):
        left = np.concatenate([np.zeros(pixel_bytes, int), row])[: len(row)]
        corner = np.concatenate([np.zeros(pixel_bytes, int), above])[: len(row)]
        p = left + above - corner
        pa, pb, pc = abs(p - left), abs(p - above), abs(p - corner)
        paeth = np.where((pa <= pb) & (pa <= pc), left, np.where(pb <= pc, above, corner))
        guess = [0 * row, left, above, (left + above) // 2, paeth][y % 5]
        out.append(bytes([y % 5]) + ((row - guess) % 256).astype(np.uint8).tobytes())
        above = row
    return b"".join(out)


def png(samples, kind, depth, interlaced=False, extra=b""):
    pixel_bytes = max(1, SAMPLES[kind] * depth // 8)
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    data = b""
    for x, y, dx, dy in passes:
        part = samples[y::dy, x::dx]
        if part.size:
            data += filtered(packed_rows(part, depth), pixel_bytes)
    h, w = samples.shape[:2]
    header = struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
        + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")
    )


def expected(samples, kind, depth, palette=None, alphas=None, key=None):
    """Composited over white, in float64, rounded once."""
    if kind == PALETTE:
        color = palette[samples[..., 0]].astype(float)
        alpha = np.append(alphas, [255] * 256)[samples[..., 0]] / 255 if alphas else np.ones((H, W))
    else:
        scaled = samples * 255.0 / (2**depth - 1)
        has_alpha = kind in (GREY_ALPHA, RGBA)
        color = scaled[..., :-1] if has_alpha else scaled
        alpha = scaled[..., -1] / 255 if has_alpha else np.ones((H, W))
        if key is not None:
            alpha = np.where((samples == key).all(-1), 0.0, 1.0)
    out = color * alpha[..., None] + 255 * (1 - alpha[..., None])
    return np.floor(out + 0.5).astype(np.uint8)


def check_against_pillow(name, data, want, tolerance):
    image = Image.open(io.BytesIO(data))
    if image.mode.startswith("I"):  # 16-bit grey: Pillow keeps 16 bits
        got = (np.asarray(image) >> 8)[..., None]
    else:
        white = Image.new("RGBA", image.size, "white")
        flat = Image.alpha_composite(white, image.convert("RGBA"))
        got = np.asarray(flat.convert("RGB" if want.shape[2] == 3 else "L")).reshape(want.shape)
    worst = abs(got.astype(int) - want.astype(int)).max()
    assert worst <= tolerance, (name, worst)


def make_pngs(rng):
    ramp = np.add.outer(np.arange(H) * 3, np.arange(W) * 5)

    def samples(kind, depth):
        n = SAMPLES[kind]
        noise = rng.integers(0, 2**depth, (H, W, n))
        smooth = (ramp[..., None] * (1 + np.arange(n)) * 2**depth // 256) % 2**depth
        return np.where(rng.random((H, W, 1)) < 0.5, noise, smooth)

    def save(name, kind, depth, interlaced=False, palette=None, alphas=None, key=None, extra=b""):
        s = samples(kind, depth)
        if palette is not None:
            extra += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
        if alphas:
            extra += chunk(b"tRNS", bytes(alphas))
        if key is not None:
            s[::3, ::2] = key
            extra += chunk(b"tRNS", np.array(key, ">u2").tobytes())
        data = png(s, kind, depth, interlaced, extra)
        want = expected(s, kind, depth, palette, alphas, key)
        # Pillow cuts 16 bits off where we round, and rounds once more when it composites.
        tolerance = int(depth == 16) + int(kind in (GREY_ALPHA, RGBA) or bool(alphas))
        check_against_pillow(name, data, want, tolerance)
        (HERE / f"{name}.png").write_bytes(data)
        np.save(HERE / f"{name}.png.npy", want)

    for depth in (1, 2, 4, 8, 16):
        save(f"grey{depth}", GREY, depth)
    for depth in (8, 16):
        save(f"greyalpha{depth}", GREY_ALPHA, depth)
        save(f"rgb{depth}", RGB, depth)
        save(f"rgba{depth}", RGBA, depth)
    for depth in (1, 2, 4, 8):
        save(f"palette{depth}", PALETTE, depth, palette=rng.integers(0, 256, (2**depth, 3)))
    save("palette4-alpha", PALETTE, 4, palette=rng.integers(0, 256, (16, 3)), alphas=[0, 90, 200])
    save("grey8-key", GREY, 8, key=[77])
    save("rgb8-key", RGB, 8, key=[10, 20, 30])
    save("grey1-interlaced", GREY, 1, interlaced=True)
    save("rgb8-interlaced", RGB, 8, interlaced=True)
    save("rgba16-interlaced", RGBA, 16, interlaced=True)
    save("palette4-interlaced", PALETTE, 4, True, palette=rng.integers(0, 256, (16, 3)))
    # Colour spaces that must not change a byte: linear light, and a profile that is not one.
    gamma = chunk(b"gAMA", struct.pack(">I", 100000))
    save("rgb8-gamma", RGB, 8, extra=gamma)
    save("grey16-gamma", GREY, 16, extra=gamma)
    profile = chunk(b"iCCP", b"junk\0\0" + zlib.compress(b"no profile"))
    save("rgb8-profile", RGB, 8, extra=profile)


def make_jpegs(rng):
    y, x = np.mgrid[0:29, 0:35]
    waves = [127 + 90 * np.sin(x / (3 + c) + c) * np.cos(y / (4 - c)) for c in range(3)]
    rgb = np.stack(waves, -1) + rng.normal(0, 8, (29, 35, 3))
    image = Image.fromarray(rgb.clip(0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # an orientation, which is ignored
    for name, picture, options in [
        ("grey", image.convert("L"), {}),
        ("rgb444", image, {"subsampling": 0}),
        ("rgb420", image, {"subsampling": 2}),
        ("progressive", image, {"progressive": True}),
        ("oriented", image, {"exif": exif}),
        ("cmyk", image.convert("CMYK"), {}),
    ]:
        path = HERE / f"{name}.jpg"
        picture.save(path, quality=85, **options)
        if name != "cmyk":
            pixels = np.asarray(Image.open(path))
            np.save(f"{path}.npy", pixels.reshape(29, 35, -1))
            if name == "rgb420":
                luma = np.asarray(Image.open(path).convert("L"))
                np.save(HERE / "rgb420-luma.npy", luma[..., None])


def make_enlargement(rng):
    small = rng.integers(0, 256, (7, 5, 3), dtype=np.uint8)
    np.save(HERE / "enlarge-from.npy", small)
    large = Image.fromarray(small).resize((25, 35), Image.Resampling.BILINEAR)
    np.save(HERE / "enlarge-to.npy", np.asarray(large))


make_pngs(np.random.default_rng(1))
make_jpegs(np.random.default_rng(2))
make_enlargement(np.random.default_rng(3))
