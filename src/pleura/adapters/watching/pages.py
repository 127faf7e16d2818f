"""What a page shows and links to, read from its markup (WHATWG HTML; sitemaps.org; RSS 2.0; RFC 4287)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final
from urllib.parse import urldefrag, urljoin, urlsplit

from parsel import Selector
from PIL import Image
from w3lib.url import safe_url_string

from pleura.domain.watching.gathering import Picture

_MOST_ADDRESS: Final = 2000
_MOST_TEXT: Final = 300
_LEAST_SIDE: Final = 96
"""Pixels of the shorter side: an icon is no film, and no mark could be read in it."""

_PICTURE_NAME: Final = re.compile(r"(?i)\.(png|jpe?g|jp2|webp|gif|bmp|tiff?|avif|heic|dcm|dicom)$")
_OTHER_NAME: Final = re.compile(
    r"(?i)\.(zip|gz|7z|rar|exe|msi|dmg|iso|pdf|docx?|xlsx?|pptx?|mp[34]|mov|avi|mkv|webm|wav|css|js|woff2?|ttf|svg)$"
)
_STYLE: Final = re.compile(r"url\(\s*[\"']?([^\"')]+)[\"']?\s*\)")
_INLINE: Final = re.compile(r"data:image/[a-z0-9.+-]{1,20};base64,([A-Za-z0-9+/=\s]+)", re.ASCII)

_SHOWN: Final = (
    ("//img", ("src", "data-src", "data-original", "data-lazy-src", "data-full", "data-url")),
    ("//input[@type='image']", ("src",)),
    ("//video", ("poster",)),
    ("//*[local-name()='image']", ("href", "xlink:href")),
    ("//meta[@property='og:image' or @property='og:image:url' or @name='twitter:image']", ("content",)),
    ("//link[@rel='image_src' or @rel='preload' and @as='image']", ("href",)),
)


@dataclass(frozen=True, kw_only=True)
class Markup:
    """What one page holds."""

    title: str
    links: tuple[str, ...]
    pictures: tuple[Picture, ...]
    inline: tuple[tuple[Picture, bytes], ...]
    """Pictures that stand in the page itself."""


def markup(body: str, base: str, *, links: int, pictures: int) -> Markup:
    """What the page at *base* holds, at most so many links and pictures of it, in its order."""
    page = Selector(text=body, type="html", base_url=base)
    base = urljoin(base, page.xpath("//base/@href").get(default=""))
    shown, inline = dict[str, str](), dict[str, tuple[Picture, bytes]]()
    for written, text in _shown(page):
        if len(shown) + len(inline) >= pictures:
            break
        content = _inline(written)
        if content is not None:
            name = f"data:{binascii.crc32(content):08x}{len(content):x}"
            inline.setdefault(name, (Picture(url=name, text=text), content))
        elif (url := address(base, written)) is not None:
            shown[url] = shown.get(url) or text
    return Markup(
        title=_short(page.xpath("//title//text()").get(default="")),
        links=_links(page, base, links),
        pictures=tuple(Picture(url=url, text=text) for url, text in shown.items()),
        inline=tuple(inline.values()),
    )


def _shown(page: Selector) -> Iterator[tuple[str, str]]:
    """Every address of a picture as it is written, and the words beside it."""
    for path, names in _SHOWN:
        for element in page.xpath(path):
            text = _short(element.attrib.get("alt") or element.attrib.get("title") or "")
            yield from ((element.attrib[name], text) for name in names if element.attrib.get(name))
            yield from ((each, text) for each in _largest(element.attrib.get("srcset", "")))
    for element in page.xpath("//source[@srcset]"):
        yield from ((each, "") for each in _largest(element.attrib["srcset"]))
    for element in page.xpath("//a[@href]"):
        if _PICTURE_NAME.search(urlsplit_path(element.attrib["href"])):
            yield element.attrib["href"], _short("".join(element.xpath(".//text()").getall()[:20]))
    for style in page.xpath("//@style").getall():
        yield from ((each, "") for each in _STYLE.findall(style[:_MOST_ADDRESS]))


def _largest(written: str) -> Iterator[str]:
    """The largest candidate of a srcset."""
    found = [part.split() for part in written.split(", ") if part.split()]
    if found:
        yield max(found, key=_size)[0]


def _size(candidate: list[str]) -> float:
    try:
        return float(candidate[1][:-1]) if len(candidate) > 1 else 1.0
    except ValueError:
        return 0.0


def _links(page: Selector, base: str, most: int) -> tuple[str, ...]:
    found = dict[str, None]()
    written = page.xpath(
        "//a/@href | //area/@href | //iframe/@src | //frame/@src | //link[@rel='next']/@href"
    )
    for each in written.getall():
        url = address(base, each)
        if url is not None and not is_file(url):
            found[url] = None
        if len(found) >= most:
            break
    return tuple(found)


def feeds(body: str, base: str) -> list[str]:
    """The feeds that a page names."""
    page = Selector(text=body, type="html")
    path = "//link[@rel='alternate'][@type='application/rss+xml' or @type='application/atom+xml']/@href"
    return [url for each in page.xpath(path).getall()[:5] if (url := address(base, each)) is not None]


def entries(body: bytes, base: str, most: int) -> list[str]:
    """The addresses that a sitemap or a feed names, at most so many; entities are not resolved."""
    tree = Selector(body=body, type="xml", huge_tree=False)
    names = ("loc", "link", "enclosure", "content", "thumbnail")
    path = " | ".join(f"//*[local-name()='{name}']" for name in names)
    found = dict[str, None]()
    for element in tree.xpath(path):
        written = (
            element.attrib.get("href") or element.attrib.get("url") or element.xpath("text()").get() or ""
        )
        url = address(base, written.strip())
        if url is not None:
            found[url] = None
        if len(found) >= most:
            break
    return list(found)


def address(base: str, written: str) -> str | None:
    """*written* as an address on the web, spelt as Scrapy does, without its fragment; else None."""
    try:
        url = safe_url_string(urldefrag(urljoin(base, written.strip())).url)
        parts = urlsplit(url)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return None
    return url if is_web and url.isprintable() and len(url) <= _MOST_ADDRESS else None


def is_file(url: str) -> bool:
    """Whether the name in *url* is that of a picture, an archive, a document or another file."""
    path = urlsplit_path(url)
    return bool(_PICTURE_NAME.search(path) or _OTHER_NAME.search(path))


def is_picture(url: str) -> bool:
    """Whether the name in *url* is that of a picture."""
    return bool(_PICTURE_NAME.search(urlsplit_path(url)))


def urlsplit_path(url: str) -> str:
    """The path in *url*, empty where it is none."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def may_be_film(content: bytes) -> bool:
    """Whether *content* begins as a DICOM file or as a picture that is large enough; nothing is decoded."""
    if content[128:132] == b"DICM":
        return True
    try:
        with Image.open(BytesIO(content)) as picture:
            return min(picture.size) >= _LEAST_SIDE
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _inline(written: str) -> bytes | None:
    found = _INLINE.fullmatch(written)
    try:
        return base64.b64decode(found[1]) if found else None
    except binascii.Error:
        return None


def _short(text: str) -> str:
    return " ".join(text[: _MOST_TEXT * 10].split())[:_MOST_TEXT]
