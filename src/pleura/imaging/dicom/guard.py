"""The one place where errors of the decoding libraries end."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pydicom.config

from pleura.domain.errors import BadInput
from pleura.imaging.dicom.refusals import refuse


@contextmanager
def only_refusals() -> Iterator[None]:
    """A block out of which comes nothing but BadInput, whatever a decoder throws inside.

    Warnings of the libraries are silenced because they quote values of the data set.
    """
    try:
        with warnings.catch_warnings(), pydicom.config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    except BadInput:
        raise
    except MemoryError:
        raise refuse("decode-memory") from None
    except Exception:  # noqa: BLE001  pydicom and the codecs raise at least eight unrelated kinds on mutants
        # The cause is dropped on purpose: its text may quote the patient.
        raise refuse("decode-failed") from None
