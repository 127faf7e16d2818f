"""What stands behind the pages: the house once it is open, and pictures that wait to be fetched."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from pleura.bootstrap import House, open_house
from pleura.domain.errors import EnvironmentFault, Refused
from pleura.entrypoints.web.caretaker import Caretaker
from pleura.entrypoints.web.chores import Chores
from pleura.entrypoints.web.restoring import Restoring
from pleura.settings import Settings

_MOST_PICTURES: Final = 24
_TRIES: Final = 10
_WINDOW_SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture made for one signed-in person, until it is fetched or pushed out by newer ones."""

    owner: str
    media_type: str
    content: bytes


class Pictures:
    """The newest pictures, by a name that cannot be guessed; kept in memory only."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Picture] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, picture: Picture) -> str:
        """The name under which *picture* can be fetched by its owner."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[name] = picture
            while len(self._kept) > _MOST_PICTURES:
                self._kept.popitem(last=False)
        return name

    def fetch(self, name: str, owner: str) -> Picture | None:
        """The picture of that name, for its owner only."""
        with self._lock:
            picture = self._kept.get(name)
        return picture if picture is not None and picture.owner == owner else None


class Brake:
    """At most ten tries in a minute, whoever tries: there is one account, and the house is on loopback."""

    def __init__(self) -> None:
        self._tries: deque[float] = deque(maxlen=_TRIES)

    def press(self) -> None:
        """Count one try; raises Refused when there were too many."""
        now = time.monotonic()
        if len(self._tries) == _TRIES and now - self._tries[0] < _WINDOW_SECONDS:
            raise Refused("too-many-tries", "too many tries in a minute", "wait a minute and try again")
        self._tries.append(now)

    def release(self) -> None:
        """Forget the tries after a right one."""
        self._tries.clear()


class Desk:
    """The state of one running web door."""

    def __init__(self, settings: Settings, house: House | None = None) -> None:
        """*house* is given where it is open already; whoever opened it closes it."""
        self.settings = settings
        self.pictures = Pictures()
        self.brake = Brake()
        self.chores = Chores()
        self.restoring = Restoring(settings, self.open)
        self.setup_code = secrets.token_hex(4)
        """Proves in the browser that whoever sets the home up also sees the terminal."""
        self._open = contextlib.ExitStack()
        self._house = house

    @property
    def house(self) -> House:
        """The open house; raises EnvironmentFault before the first run is over."""
        if self._house is None:
            raise EnvironmentFault(
                "not-set-up", "this home is not set up yet", "open the first-run page in the browser"
            )
        return self._house

    @property
    def is_open(self) -> bool:
        """Whether the house is open."""
        return self._house is not None

    def open(self, passphrase: str) -> None:
        """Open the house; raises EnvironmentFault."""
        house = self._open.enter_context(open_house(self.settings, lambda: passphrase))
        caretaker = Caretaker(house, self.chores)
        caretaker.start()
        self._open.callback(caretaker.stop)
        self._house = house

    def close(self) -> None:
        """Close the house, once no work is under way in it any more."""
        self.restoring.stop()
        self._house = None
        self.chores.stop()
        self._open.close()
