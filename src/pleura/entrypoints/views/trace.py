"""A trace in words and as a picture, in the reader's language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pleura.domain.tracing import TraceReport, Verdict
from pleura.entrypoints.language import Texts
from pleura.imaging.mark.read import difference
from pleura.imaging.picture import Caption, side_by_side
from pleura.imaging.rasters import encode_png, to_array, to_raster
from pleura.monitor.trace import Trace


def trace_lines(report: TraceReport, say: Texts) -> list[str]:
    """The verdict and what supports it, one fact a line."""
    record = report.record
    if record is not None:
        return [
            say("TRACED to {recipient}", recipient=record.recipient),
            say("copy {copy} of {image}", copy=record.copy, image=record.image),
            say(
                "issued {time} for: {purpose}",
                time=f"{record.issued_at:%Y-%m-%d %H:%M:%S} UTC",
                purpose=record.purpose,
            ),
            say(
                "patient ID {patient_id}, device serial number {device_serial}",
                patient_id=record.patient_id or "-",
                device_serial=record.device_serial or "-",
            ),
            say(
                "false-match probability at most {probability} (z = {score}, {comparisons} copies compared)",
                probability=f"{report.false_match_probability:.1e}",
                score=f"{report.score:.1f}",
                comparisons=report.comparisons,
            ),
            *(
                say(
                    "also in the picture: copy {copy} to {recipient}",
                    copy=other.copy,
                    recipient=other.recipient,
                )
                for other in report.others
            ),
            say("the mark by itself says the same")
            if report.payload
            else say("the mark by itself could not be read"),
            say("{seconds} seconds", seconds=f"{report.seconds:.1f}"),
            say("The mark names a copy, not a hand: ask how this copy was kept."),
            say("Whoever runs this installation holds the key and could have made such a copy as well."),
        ]
    if report.verdict is Verdict.MATCHED:
        return [
            say("MATCHED: this is {image}, but no copy can be named", image=report.image or ""),
            *_unnamed(report, say),
            *_unmarked(report, say),
            say("{seconds} seconds", seconds=f"{report.seconds:.1f}"),
            say("Next: look for a better picture of the same find."),
        ]
    if report.verdict is Verdict.RELATED:
        return [
            say(
                "RELATED: another exposure of the patient of {image}, as far as can be seen",
                image=report.image or "",
            ),
            say("It is not that image itself: the two fit in places only. Nobody can be named."),
            say("{seconds} seconds", seconds=f"{report.seconds:.1f}"),
            say("Next: import the patient's other images and trace again."),
        ]
    return [
        say("UNKNOWN: no original in this vault matches"),
        say("{seconds} seconds", seconds=f"{report.seconds:.1f}"),
        say("Next: look for a larger or sharper picture, or import the original and trace again."),
    ]


def _unnamed(report: TraceReport, say: Texts) -> list[str]:
    """Why nobody is named though the picture is ours."""
    if report.payload is None:
        return [say("Either it was never a marked copy, its record is missing, or the mark is too damaged.")]
    moment = f"{report.payload.issued_at:%Y-%m-%d %H:%M:%S} UTC"
    return [
        say("The mark by itself says: issued {time}", time=moment),
        say("No record of a copy agrees with it: records are missing, or two readings contradict."),
    ]


def _unmarked(report: TraceReport, say: Texts) -> list[str]:
    """That it may be a copy which no trace can name, where there are such."""
    if not report.unmarked:
        return []
    return [
        say(
            "Copies of it that left without a mark: {count}. No trace can name one; to whom they went is in "
            "their records: pleura show {image}",
            count=report.unmarked,
            image=report.image or "",
        )
    ]


def trace_facts(report: TraceReport) -> dict[str, Any]:
    """The report under the names that other programs may rely on."""
    record = report.record
    return {
        "verdict": report.verdict.value,
        "image": report.image,
        "copy": record.copy if record else None,
        "recipient": record.recipient if record else None,
        "issued_at": record.issued_at.isoformat() if record else None,
        "patient_id": record.patient_id if record else None,
        "device_serial": record.device_serial if record else None,
        "others": [other.copy for other in report.others],
        "false_match_probability": report.false_match_probability if record else None,
        "mark_says_issued_at": report.payload.issued_at.isoformat() if report.payload else None,
        "unmarked_copies": report.unmarked,
        "seconds": round(report.seconds, 2),
    }


def trace_picture(trace: Trace, say: Texts, font: Path | None) -> bytes:
    """Suspect, original and aligned difference side by side with the verdict, as PNG.

    Without a *font* that has Chinese characters the words are English.
    """
    say = say if font else Texts("en")
    headline, *lines = trace_lines(trace.report, say)
    caption = Caption(
        verdict=trace.report.verdict,
        titles=(say("as found"), say("original"), say("aligned difference")),
        headline=headline,
        lines=lines,
        no_original=say("no original matches"),
        no_difference=say("nothing to compare with"),
    )
    match = trace.match
    sheet = side_by_side(
        to_array(trace.suspect),
        match.work.grey if match else None,
        caption=caption,
        difference=difference(match.alignment, match.work.grey) if match else None,
        font=font,
    )
    return encode_png(to_raster(sheet))
