"""Other invisible marks, each with 32 bits, in the defaults of its package."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from bench.attribution.stage import Picture
from numpy.typing import NDArray

BITS = 32

Bits = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Marker:
    """A mark that is read blind: without the original."""

    name: str
    embed: Callable[[Picture, Bits], Picture]
    """The RGB picture with the bits in it."""
    read: Callable[[Picture], Bits]


@dataclass(frozen=True)
class Absent:
    """A peer that cannot run here, and why."""

    name: str
    reason: str


def markers(*, slow: bool) -> tuple[list[Marker], list[Absent]]:
    """The marks that can run here, and those that cannot; RivaGAN only where *slow* ones are wanted."""
    found: list[Marker] = []
    absent: list[Absent] = []
    makers: dict[str, Callable[[], Marker]] = {
        "blind-watermark": _blind_watermark,
        "invisible-watermark dwtDct": lambda: _transform("dwtDct", "maxDct", "EmbedMaxDct"),
        "invisible-watermark dwtDctSvd": lambda: _transform("dwtDctSvd", "dwtDctSvd", "EmbedDwtDctSvd"),
    }
    if slow:
        makers["invisible-watermark rivaGan"] = _riva_gan
    else:
        absent.append(Absent("invisible-watermark rivaGan", "not run: minutes for each film; --rivagan"))
    for name, maker in makers.items():
        try:
            found.append(maker())
        except ModuleNotFoundError as missing:
            absent.append(Absent(name, f"not installed: {missing.name}"))
    return found, absent


def _blind_watermark() -> Marker:
    """blind-watermark: DWT, DCT and SVD of blocks in an order given by a password."""
    library: Any = importlib.import_module("blind_watermark")
    library.bw_notes.close()

    def embed(picture: Picture, bits: Bits) -> Picture:
        tool = library.WaterMark(password_img=1, password_wm=1)
        tool.read_img(img=picture[..., ::-1])
        tool.read_wm([bool(bit) for bit in bits], mode="bit")
        return _picture(tool.embed()[..., ::-1])

    def read(picture: Picture) -> Bits:
        tool = library.WaterMark(password_img=1, password_wm=1)
        with warnings.catch_warnings():
            # Its two-means clustering divides by zero where all blocks say the same.
            warnings.simplefilter("ignore", RuntimeWarning)
            said = tool.extract(embed_img=picture[..., ::-1], wm_shape=BITS, mode="bit")
        return _bits(said)

    return Marker(name="blind-watermark", embed=embed, read=read)


def _module_of_imwatermark(name: str) -> ModuleType:
    """One module of invisible-watermark; the package itself imports PyTorch, which none of them needs."""
    path = _folder_of_imwatermark() / f"{name}.py"
    found = importlib.util.spec_from_file_location(f"_peer_{name}", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _folder_of_imwatermark() -> Path:
    package = importlib.util.find_spec("imwatermark")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("not installed", name="invisible-watermark")
    return Path(package.origin).parent


def _transform(name: str, module: str, kind: str) -> Marker:
    """The two classical methods of invisible-watermark."""
    coder: Any = getattr(_module_of_imwatermark(module), kind)

    def embed(picture: Picture, bits: Bits) -> Picture:
        tool = coder(watermarks=[int(bit) for bit in bits], wmLen=BITS)
        return _picture(tool.encode(np.ascontiguousarray(picture[..., ::-1]))[..., ::-1])

    def read(picture: Picture) -> Bits:
        return _bits(coder(wmLen=BITS).decode(np.ascontiguousarray(picture[..., ::-1])))

    return Marker(name=f"invisible-watermark {name}", embed=embed, read=read)


def _riva_gan() -> Marker:
    """RivaGAN as invisible-watermark ships it, run by onnxruntime as its module does, but without PyTorch."""
    runtime: Any = importlib.import_module("onnxruntime")
    folder = _folder_of_imwatermark()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1

    def session(name: str) -> Any:
        return runtime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])

    encoder, decoder = session("rivagan_encoder.onnx"), session("rivagan_decoder.onnx")

    def frame(picture: Picture) -> NDArray[np.float32]:
        scaled = picture[..., ::-1].astype(np.float32) / 127.5 - 1
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None, :, None])

    def embed(picture: Picture, bits: Bits) -> Picture:
        given = {"frame": frame(picture), "data": bits.astype(np.float32)[None]}
        marked = np.clip(encoder.run(None, given)[0][0, :, 0], -1, 1)
        return _picture(np.floor((marked.transpose(1, 2, 0) + 1) * 127.5)[..., ::-1])

    def read(picture: Picture) -> Bits:
        return _bits(decoder.run(None, {"frame": frame(picture)})[0][0] > 0.52)

    return Marker(name="invisible-watermark rivaGan", embed=embed, read=read)


def _picture(values: NDArray[Any]) -> Picture:
    return np.ascontiguousarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def _bits(said: Sequence[Any] | NDArray[Any]) -> Bits:
    return np.asarray(np.asarray(said, np.float64) > 0.5, np.uint8)
