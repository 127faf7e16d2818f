"""Sealed objects in a bucket of any store that speaks S3: create-only, streamed, read by ranges.

obstore carries the bytes; botocore asks the few questions about a bucket that obstore has no call for.
"""

from __future__ import annotations

import io
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Final

import obstore
from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import S3Store

from pleura.adapters.storage.connection import (
    connected,
    fault_of,
    questioner,
    refuse_place,
    taken,
    unknown,
)
from pleura.adapters.storage.objects import checked_name
from pleura.domain.custody.places import BucketFacts, BucketPlace
from pleura.domain.errors import EnvironmentFault

_WHOLE: Final = 32 << 20
"""An object below this goes in one request, which the store itself refuses when the name is taken.

obstore holds such an object in memory whole: it makes no create-only upload of parts.
"""
_PART: Final = 8 << 20
"""Bytes of one part of a larger upload; two parts at most are in memory beside the beginning."""
_PARTS_AT_ONCE: Final = 2
_READ_AHEAD: Final = 4 << 20
"""Bytes asked for at once: a request costs tens of milliseconds however little it brings."""
_TIMEOUT: Final = timedelta(seconds=60)
_GLANCE: Final = timedelta(seconds=4)
_GLANCES: Final = 8.0
"""Seconds after which a glance asks for nothing more."""
_UPLOAD_TIMEOUT: Final = timedelta(minutes=10)
"""For one whole request: 32 MiB in ten minutes is a line of half a megabit a second."""


class S3Objects:
    """The port `ObjectStore` on a bucket."""

    def __init__(
        self, place: BucketPlace, sleep: Callable[[float], None] = time.sleep, *, glance: bool = False
    ) -> None:
        """Connect nothing yet. *glance*: a few seconds for everything that is asked, and nothing twice.

        Raises Refused for plain HTTP to another machine, BadInput for a malformed place, EnvironmentFault
        for a file of certificates that cannot be used.
        """
        refuse_place(place)
        self._place = place
        self._sleep = sleep
        self._store = connected(place, _GLANCE if glance else _TIMEOUT, retries=not glance)
        self._uploads = connected(place, _UPLOAD_TIMEOUT)
        self._until = time.monotonic() + _GLANCES if glance else math.inf

    def put(self, name: str, pieces: Iterable[bytes | memoryview]) -> int:
        """The number of bytes stored under *name*; an object appears whole or not at all.

        Memory holds `_WHOLE` and two parts at most. Raises BadInput for a name that is taken or malformed,
        EnvironmentFault for what the store says.
        """
        path, counted = checked_name(name), _Counted(self._paced(pieces))
        beginning = list(_at_least(counted, _WHOLE))
        try:
            if counted.size < _WHOLE:
                obstore.put(self._uploads, path, beginning, mode="create")
            else:
                self._put_parts(path, itertools.chain(beginning, counted))
        except AlreadyExistsError as error:
            raise taken() from error
        except (BaseError, FileNotFoundError) as error:
            # What *pieces* raised comes wrapped in the library's error; the cause itself is what to tell.
            raise counted.fault or fault_of(error, self._place) from error
        return counted.size

    def open(self, name: str) -> BinaryIO:
        """A seekable stream of the object; raises NotFound, EnvironmentFault."""
        size = int(self._told(name)["size"])
        return io.BufferedReader(_Ranges(self._store, name, size, self._place), _READ_AHEAD)

    def stored_at(self, name: str) -> datetime:
        """When the object was stored, by the clock of the store; raises NotFound, EnvironmentFault."""
        found: datetime = self._told(name)["last_modified"]
        return found

    def sweep(self, beginning: str, before: datetime) -> int:
        """The number of uploads in parts of such names, begun before that moment and cut, now given up.

        A store that will not list or end them is left to a rule of its own (docs/commands.md).
        """
        try:
            client = questioner(self._place)
            told = client.list_multipart_uploads(Bucket=self._place.bucket, Prefix=self._prefix + beginning)
            cut = [each for each in told.get("Uploads", []) if each["Initiated"] < before]
            for each in cut:
                client.abort_multipart_upload(
                    Bucket=self._place.bucket, Key=each["Key"], UploadId=each["UploadId"]
                )
        except (BotoCoreError, ClientError, ValueError):
            return 0
        return len(cut)

    def names(self, beginning: str = "") -> Iterator[str]:
        """The name of every object below the prefix and the folder *beginning*, page by page."""
        self._refuse_late()
        try:
            for page in obstore.list(self._store, prefix=beginning or None):
                yield from (entry["path"].removeprefix(self._prefix) for entry in page)
        except (BaseError, FileNotFoundError) as error:
            raise fault_of(error, self._place) from error

    def delete(self, name: str) -> None:
        """Remove the object; an unknown name is no error. A versioned bucket keeps what was deleted.

        Raises EnvironmentFault; a bucket that is not there has not deleted anything.
        """
        try:
            obstore.delete(self._store, checked_name(name))
        except (NotFoundError, FileNotFoundError) as error:
            if fault := self._bucket_fault():
                raise fault from error
        except BaseError as error:
            raise fault_of(error, self._place) from error

    def bucket_facts(self) -> BucketFacts:
        """What the store says about the bucket; None for what it will not say."""
        tls = self._place.endpoint.startswith("https://")
        try:
            client = questioner(self._place)
        except (BotoCoreError, ValueError):
            # The machine's own settings for S3 tools may stand in the way (AWS_PROFILE, say).
            return BucketFacts(tls=tls)

        until, is_silent = time.monotonic() + _GLANCES / 2, False

        def ask(call: str, answer: Callable[[Any], bool], absent: str = "") -> bool | None:
            nonlocal is_silent
            if is_silent or time.monotonic() > until:
                return None
            try:
                return answer(getattr(client, call)(Bucket=self._place.bucket))
            except ClientError as refused:
                return False if absent and refused.response["Error"].get("Code") == absent else None
            except BotoCoreError:
                # One question that is not answered is enough: four of them would take a minute.
                is_silent = True
                return None

        return BucketFacts(
            tls=tls,
            # "Suspended" makes no new versions and keeps the old ones, so it outlives erasure as well.
            versioning=ask("get_bucket_versioning", lambda told: "Status" in told),
            object_lock=ask(
                "get_object_lock_configuration",
                lambda told: told["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled",
                absent="ObjectLockConfigurationNotFoundError",
            ),
            public=ask("get_bucket_policy_status", lambda told: bool(told["PolicyStatus"].get("IsPublic"))),
            logging=ask("get_bucket_logging", lambda told: "LoggingEnabled" in told),
        )

    @property
    def _prefix(self) -> str:
        return f"{self._place.prefix.strip('/')}/" if self._place.prefix else ""

    def _refuse_late(self) -> None:
        if time.monotonic() > self._until:
            raise fault_of(TimeoutError(), self._place)

    def _told(self, name: str) -> Any:
        self._refuse_late()
        try:
            return obstore.head(self._store, checked_name(name))
        except (NotFoundError, FileNotFoundError) as error:
            raise self._bucket_fault() or unknown(name) from error
        except BaseError as error:
            raise fault_of(error, self._place) from error

    def _put_parts(self, path: str, pieces: Iterator[bytes]) -> None:
        # Not every store looks at the name again when the parts are put together (Ceph 16 does not), so it
        # is asked before. Two writers in that very moment would both be told that theirs is stored.
        try:
            obstore.head(self._store, path)
        except (NotFoundError, FileNotFoundError):
            obstore.put(self._uploads, path, pieces, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE)
        else:
            raise taken()

    def _bucket_fault(self) -> EnvironmentFault | None:
        """What is wrong with the whole bucket, where something is: it must not look like one lost object."""
        try:
            next(iter(obstore.list(self._store)), None)
        except (BaseError, FileNotFoundError) as error:
            return fault_of(error, self._place)
        return None

    def _paced(self, pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
        """Copies of *pieces*, no faster than the place allows."""
        rate = self._place.bytes_per_second
        for piece in pieces:
            yield bytes(piece)
            if rate:
                self._sleep(len(piece) / rate)


class _Counted:
    """An iterator that remembers how much it gave and what went wrong in it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.size = 0
        self.fault: Exception | None = None

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> bytes:
        try:
            piece = next(self._pieces)
        except StopIteration:
            raise
        except Exception as fault:
            self.fault = fault
            raise
        self.size += len(piece)
        return piece


class _Ranges(io.RawIOBase):
    """An object read by ranges."""

    def __init__(self, store: S3Store, name: str, size: int, place: BucketPlace) -> None:
        self._store = store
        self._name = name
        self._size = size
        self._place = place
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The next byte to be read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to *offset* from the start, from here or from the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readall(self) -> bytes:
        """Everything from here on, in requests as large as reading ahead allows."""
        return b"".join(iter(lambda: self.read(_READ_AHEAD), b""))

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        """The number of bytes read, 0 at the end; raises NotFound, EnvironmentFault."""
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        asked, got = end - self._at, 0
        for part in self._parts(self._at, end):
            # More than was asked for is not read to its end: a store that lies could fill the memory.
            if got + len(part) > asked:
                raise fault_of(ValueError("more than was asked for"), self._place)
            buffer[got : got + len(part)] = part
            got += len(part)
        self._at += got
        return got

    def _parts(self, start: int, end: int) -> Iterator[memoryview]:
        """The bytes from *start* to before *end* as they come; raises NotFound, EnvironmentFault."""
        try:
            found = obstore.get(self._store, self._name, options={"range": (start, end)})
            for part in found.stream(min_chunk_size=end - start):
                yield memoryview(part)
        except (NotFoundError, FileNotFoundError) as error:
            raise unknown(self._name) from error
        except BaseError as error:
            raise fault_of(error, self._place) from error


def _at_least(counted: _Counted, size: int) -> Iterator[bytes]:
    """The first pieces, until *size* bytes are reached or there are no more."""
    while counted.size < size:
        try:
            yield next(counted)
        except StopIteration:
            return
