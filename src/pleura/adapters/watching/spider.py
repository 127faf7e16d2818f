"""The spider: Scrapy's crawler, polite by its settings, that asks the house before every address."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response, TextResponse
from twisted.python.failure import Failure

from pleura import __version__
from pleura.adapters.egress.broker import CODE_HEADER
from pleura.adapters.watching.line import Line
from pleura.adapters.watching.pages import entries, feeds, markup, may_be_film
from pleura.adapters.watching.pages import is_picture as names_picture
from pleura.adapters.watching.protocol import Fault, Order, Page, Shot
from pleura.domain.watching.gathering import Known, Picture

USER_AGENT: Final = f"pleura-watch/{__version__} (looks for leaked medical images; obeys robots.txt)"
_MAPS: Final = ("application/xml", "text/xml", "application/rss+xml", "application/atom+xml")
_TUNNEL: Final = re.compile(r"'reason': b'([a-z-]{1,64})'")
"""What Scrapy says of a CONNECT request that the broker has refused."""

_FAULTS: Final = {
    "TimeoutError": "too-slow",
    "DownloadTimeoutError": "too-slow",
    "DownloadCancelledError": "too-large",
    "CancelledError": "too-large",
    "ResponseDataLossError": "cut-short",
    "ResponseFailed": "cut-short",
}


class WatchSpider(Spider):
    """One look at one page, site or search."""

    name = "pleura"

    def __init__(self, order: Order, line: Line) -> None:
        super().__init__()
        self.order = order
        self.line = line
        self.pages_left = order.politeness.pages
        self.pictures_left = order.politeness.pictures
        self.host = urlsplit(order.address).netloc.lower()

    async def start(self) -> AsyncIterator[Request]:
        """The first page; of a site its sitemap too."""
        first = self._page(self.order.address, 0)
        if first is not None:
            yield first
        if self.order.kind == "site":
            sitemap = self._page(urljoin(self.order.address, "/sitemap.xml"), 0)
            if sitemap is not None:
                yield sitemap

    def parse(self, response: Response, **_: Any) -> Iterator[Request]:
        """What follows from a page, which is told to the house first."""
        known, depth = response.meta["known"], response.meta["depth_here"]
        if response.status == 304:
            if known is not None:
                self.line.say(Page(url=response.url))
                yield from self._following(known, depth)
            return
        if self._kind(response).startswith("image/") or names_picture(response.url):
            self._alone(response)
            return
        known, further = self._read(response)
        self.line.say(Page(url=response.url, known=known))
        yield from self._following(known, depth)
        yield from self._pages(further, depth)

    def parse_picture(self, response: Response) -> None:
        """Tell the house of a picture."""
        url: str = response.meta["asked"]  # what the page shows, wherever it leads
        etag, last_modified = _validators(response)
        if response.status == 304:
            self.line.say(Shot(url=url, is_same=True))
        elif may_be_film(response.body):
            self.line.picture(url, response.body, etag, last_modified)
        else:
            self.line.say(Shot(url=url, etag=etag, last_modified=last_modified))

    def trouble(self, failure: Failure) -> None:
        """Tell the house what could not be had, and why, in one word."""
        request: Request = failure.request  # type: ignore[attr-defined]  # Scrapy sets it
        self.line.say(Fault(request.url, _code(failure)))

    def _read(self, response: Response) -> tuple[Known, list[str]]:
        """What a page holds, and what a map of the site names besides."""
        limits, further = self.order.politeness, list[str]()
        etag, last_modified = _validators(response)
        if self._kind(response) in _MAPS or response.url.endswith((".xml", ".rss", ".atom")):
            with contextlib.suppress(ValueError):
                further = entries(response.body, response.url, limits.pages)
            shown = tuple(Picture(url=url) for url in further if names_picture(url))
            links = tuple(url for url in further if not names_picture(url))
            return Known(etag=etag, last_modified=last_modified, links=links, pictures=shown), []
        if not isinstance(response, TextResponse):
            return Known(etag=etag, last_modified=last_modified), []
        found = markup(
            response.text, response.url, links=limits.links_of_page, pictures=limits.pictures_of_page
        )
        for picture, content in found.inline:
            if may_be_film(content):
                self.line.picture(picture.url, content)
        if self.order.kind == "site":
            further = feeds(response.text, response.url)
        pictures = (*found.pictures, *(picture for picture, _ in found.inline))
        return Known(
            etag=etag,
            last_modified=last_modified,
            title=found.title,
            links=found.links,
            pictures=pictures,
        ), further

    def _alone(self, response: Response) -> None:
        """A picture that was asked for as a page: it is shown by itself."""
        self.parse_picture(response)
        self.line.say(Page(url="", known=Known(pictures=(Picture(url=response.meta["asked"]),))))

    def _following(self, known: Known, depth: int) -> Iterator[Request]:
        for picture in known.pictures:
            if self.pictures_left <= 0:
                break
            if picture.url.startswith("data:"):
                continue
            self.pictures_left -= 1
            yield self._request(picture.url, depth, is_picture=True)
        if self._goes_on(depth):
            yield from self._pages(known.links, depth)

    def _pages(self, urls: tuple[str, ...] | list[str], depth: int) -> Iterator[Request]:
        for url in urls:
            page = self._page(url, depth + 1)
            if page is not None:
                yield page

    def _goes_on(self, depth: int) -> bool:
        """Whether links are followed: of a site to its depth, of a search to its results."""
        return depth < {"site": self.order.politeness.depth, "search": 1}.get(self.order.kind, 0)

    def _page(self, url: str, depth: int) -> Request | None:
        is_inside = self.order.kind != "site" or urlsplit(url).netloc.lower() == self.host
        if not is_inside or self.pages_left <= 0:
            return None
        self.pages_left -= 1
        return self._request(url, depth, is_picture=False)

    def _request(self, url: str, depth: int, *, is_picture: bool) -> Request:
        limits = self.order.politeness
        is_page = not is_picture and not names_picture(url)
        return Request(
            url,
            callback=self.parse_picture if is_picture else self.parse,
            errback=self.trouble,
            # Pictures come before further pages, so that a cut look has seen what it has read.
            priority=10 if is_picture else -depth,
            meta={
                "watched": True,
                "asked": url,
                "depth_here": depth,
                "handle_httpstatus_list": [304],
                "download_maxsize": limits.page_bytes if is_page else limits.picture_bytes,
                "playwright": bool(self.order.browser) and is_page,
            },
        )

    @staticmethod
    def _kind(response: Response) -> str:
        given = response.headers.get("Content-Type") or b""
        return given.decode("latin-1").partition(";")[0].strip().lower()


class Asking:
    """Between Scrapy and the network: no address is fetched that the house does not give free."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Asking:
        """As Scrapy makes it."""
        return cls(crawler)

    async def process_request(self, request: Request) -> Response | None:
        """Nothing for a request that goes on, or the answer that is known already."""
        if not request.meta.get("watched") or request.meta.get("claimed") == request.url:
            return None
        spider = self._crawler.spider
        if not isinstance(spider, WatchSpider):
            raise TypeError("no spider of ours")
        answer = await spider.line.ask(request.url)
        request.meta.update(claimed=request.url, known=answer.known)
        for header in ("If-None-Match", "If-Modified-Since"):
            request.headers.pop(header, None)
        if not answer.may_fetch:
            if answer.known is None:
                raise _Elsewhere
            return Response(request.url, status=304, request=request)
        if answer.known is not None and answer.known.etag:
            request.headers["If-None-Match"] = answer.known.etag
        elif answer.known is not None and answer.known.last_modified:
            request.headers["If-Modified-Since"] = answer.known.last_modified
        return None


class _Elsewhere(IgnoreRequest):
    """Another worker fetches it now."""


def _validators(response: Response) -> tuple[str, str]:
    etag, last_modified = (response.headers.get(name) or b"" for name in ("ETag", "Last-Modified"))
    return etag.decode("latin-1"), last_modified.decode("latin-1")


def _code(failure: Failure) -> str:
    """One word for a failure: of the broker, of the server, of the connection."""
    response = getattr(failure.value, "response", None)
    if response is not None and hasattr(response, "headers"):
        refused = response.headers.get(CODE_HEADER)
        return refused.decode("latin-1") if refused else f"status-{response.status}"
    if tunnel := _TUNNEL.search(str(failure.value)):
        return tunnel[1]
    if isinstance(failure.value, _Elsewhere):
        return "elsewhere"
    if isinstance(failure.value, IgnoreRequest):
        return "robots" if "robots.txt" in str(failure.value) else "too-large"
    return _FAULTS.get(type(failure.value).__name__, "unreachable")
