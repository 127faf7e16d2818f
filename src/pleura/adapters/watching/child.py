"""The process that crawls: it has no keys, may write into one folder and connect to the broker only."""

from __future__ import annotations

import mimetypes
import os
import resource
from typing import Any, Final

import msgspec
from scrapy.crawler import AsyncCrawlerProcess

from pleura.adapters.disposable.confinement import confine, confine_connections
from pleura.adapters.watching.line import Line
from pleura.adapters.watching.protocol import End, Order, first_line
from pleura.adapters.watching.spider import USER_AGENT, Asking, WatchSpider

_READABLE: Final = ("/etc/ssl", "/usr/share/zoneinfo")
"""Certificates and time zones."""

_CPU_SECONDS: Final = 1800
_MEMORY: Final = 3 << 30
_SWITCHES: Final = (
    "--disable-quic",  # UDP would go past the broker
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--proxy-bypass-list=<-loopback>",  # loopback through the broker too, which refuses it
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def settings(order: Order) -> dict[str, Any]:
    """What makes Scrapy polite, bounded and mute."""
    limits = order.politeness
    chosen: dict[str, Any] = {
        "USER_AGENT": USER_AGENT,
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": "pleura-watch",
        "AUTOTHROTTLE_ENABLED": True,
        "AUTOTHROTTLE_START_DELAY": limits.delay_seconds,
        "AUTOTHROTTLE_TARGET_CONCURRENCY": 1.0,
        "DOWNLOAD_DELAY": limits.delay_seconds,
        "CONCURRENT_REQUESTS": 4,  # those under way are waited for when a look is over
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_TIMEOUT": limits.answer_seconds,
        "DOWNLOAD_MAXSIZE": limits.picture_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "CLOSESPIDER_TIMEOUT": limits.look_seconds,
        "DEPTH_LIMIT": 0,  # the spider counts itself
        "COOKIES_ENABLED": False,
        "REFERER_ENABLED": False,
        "REDIRECT_MAX_TIMES": 5,
        "RETRY_TIMES": 1,
        "LOG_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "DOWNLOADER_MIDDLEWARES": {
            Asking: 110
        },  # after robots.txt, so that only what is allowed is asked for
    }
    return chosen | (_browser(order) if order.browser else {})


def _browser(order: Order) -> dict[str, Any]:
    handler = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"
    return {
        "DOWNLOAD_HANDLERS": {"http": handler, "https": handler},
        "PLAYWRIGHT_LAUNCH_OPTIONS": {
            "executable_path": order.browser,
            "proxy": {
                "server": f"http://127.0.0.1:{order.port}",
                "username": "pleura",
                "password": order.secret,
            },
            # Landlock and its no_new_privs stay; Chromium's own sandbox refuses to start as root.
            "args": [*_SWITCHES, *(["--no-sandbox"] if os.geteuid() == 0 else [])],
        },
        # Scripts run; what they load besides is not needed: pictures are fetched by their addresses.
        "PLAYWRIGHT_ABORT_REQUEST": _is_not_needed,
        "PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT": order.politeness.answer_seconds * 1000,
        "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT": 2,
    }


def _is_not_needed(request: Any) -> bool:
    return request.resource_type in {"image", "media", "font"}


def main() -> None:
    """Gather what the order on stdin says; the folder for pictures is the working folder."""
    output = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no message
    order = msgspec.json.decode(first_line(), type=Order)
    folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    resource.setrlimit(resource.RLIMIT_FSIZE, (order.politeness.picture_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    mimetypes.init()  # reads files that are closed from here on
    if order.browser:
        confine_connections(order.port)
    else:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        confine(folder, readable=_READABLE, port=order.port)
    for scheme in ("http", "https"):
        os.environ[f"{scheme}_proxy"] = f"http://pleura:{order.secret}@127.0.0.1:{order.port}"
    line = Line(output, folder)
    process = AsyncCrawlerProcess(settings(order))
    crawler = process.create_crawler(WatchSpider)
    process.crawl(crawler, order=order, line=line)
    process.start()
    # Scrapy keeps what went wrong to itself; then the house hears no end, and knows.
    if getattr(crawler.stats, "get_value", lambda _: None)("finish_reason"):
        line.say(End())


if __name__ == "__main__":
    main()
