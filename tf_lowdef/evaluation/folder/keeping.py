"""What an attack on a folder leaves of each batch: PNGs, and lines of the table that says what became of each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_lowdef.attacks import Attack
from tf_lowdef.data.files import SourceFile
from tf_lowdef.data.image_data import Wanted
from tf_lowdef.evaluation.folder.log import LogLine, status
from tf_lowdef.files import write_bytes
from tf_lowdef.folders.plan import ArgumentError, Fence
from tf_lowdef.folders.run import FileOutcome, Summary
from tf_lowdef.jobs import Record, is_full


@dataclass(frozen=True)
class FolderJob:
    """What stays the same from batch to batch; `overwrite` is off in a folder that held files before."""

    attack: Attack
    out: Path
    wanted: Wanted
    naming: str
    overwrite: bool
    fence: Fence
    class_names: Sequence[str | None]

    def class_name(self, index: int) -> str:
        """Return what a class is called, nothing where nobody named it."""
        return (self.class_names[index] or "") if index < len(self.class_names) else ""


def keep(
    job: FolderJob, images: Sequence[SourceFile], made: Record, records: dict[str, LogLine], summary: Summary
) -> None:
    """Write the images of a batch and add its records; what could not be read, or cannot be written, is a failure."""
    for place, reason in made.facts["failed"]:
        summary.add(images[place].file, FileOutcome("failed", reason))
    for index, place in enumerate(made["places"].tolist()):
        image, data = images[place], made.contents[str(place)]
        try:
            records[image.name] = _write(job, image, made, index, data, records)
            before = image.path.stat().st_size
        except (OSError, ArgumentError) as error:
            if is_full(error):
                raise
            reason = getattr(error, "strerror", None) or str(error)
            summary.add(image.file, FileOutcome("failed", f"cannot be written: {reason}"))
            continue
        summary.add(image.file, FileOutcome("converted", before=before, after=len(data)))


def _write(
    job: FolderJob, image: SourceFile, made: Record, index: int, data: bytes, records: dict[str, LogLine]
) -> LogLine:
    """Write one adversarial image, and say what became of it."""
    label, before, after, reread, steps = (
        int(made[name][index]) for name in ("labels", "before", "after", "reread", "steps")
    )
    written = _target(job, image, f"Adv_{label}-{after}", records)
    link = job.fence.link_to((job.out / written).parent)
    if link is not None:
        raise ArgumentError(f"{link} is a link, and nothing is written through it")
    write_bytes(job.out / written, data)
    return LogLine(
        name=image.name,
        file=image.file,
        written=written,
        label=label,
        before=before,
        after=after,
        reread=reread,
        l2=round(float(made["l2"][index]), 6),
        linf=float(made["linf"][index]),
        steps=steps,
        status=status(label, before, reread, bool(made["fooled"][index])),
        label_name=job.class_name(label),
        before_name=job.class_name(before),
        after_name=job.class_name(after),
        reread_name=job.class_name(reread),
    )


def _target(job: FolderJob, image: SourceFile, paper: str, records: dict[str, LogLine]) -> str:
    """Return the PNG's path in the output folder; names of the paper's kind that meet are numbered."""
    if job.naming == "stem":
        name = f"{image.name}.png"
        if (job.out / name).exists() and not job.overwrite:
            raise ArgumentError(f"{job.out / name} exists and is no result of this tool (--force overwrites it)")
        return name
    taken = {record.written for record in records.values()}
    name, number = f"{paper}.png", 1
    while name in taken or (not job.overwrite and (job.out / name).exists()):
        number += 1
        name = f"{paper}_{number}.png"
    return name
