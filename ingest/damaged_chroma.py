"""A Chroma that is damaged or lost, and what is put in its place."""

from collections.abc import Iterator, Mapping
from contextlib import closing

from ingest.checks import Finding
from retrieval.backup.replace_chroma import replace_chroma
from retrieval.backup.salvage import Salvage, salvage
from retrieval.chroma.health import check
from retrieval.chroma.store import State, Store
from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.errors import IndexDamagedError
from retrieval.inspection.stats import place_of
from retrieval.types import SyncedFolder
from retrieval.words import counted


def examine_chroma(
    directory: IndexDirectory, pointer: Pointer, config: Config, *, repair: bool
) -> tuple[list[Finding], Mapping[str, SyncedFolder]]:
    """Whether Chroma can be opened and holds anything; with `repair`, a damaged one is replaced from the search files.

    Returns the synced folders, too, that lost documents with search files that are damaged as well: they are to be
    synced. Raises IndexDamagedError where no search file can be read either.
    """
    with directory.locked():
        damage = _damage_to_chroma(directory, pointer, config)
        if damage is None:
            return [], {}
        salvaged = salvage(directory, pointer, config)
        if salvaged is None:
            raise IndexDamagedError(
                f"{damage}, and no search file can take its place; restore {directory.path} from a backup, or remove "
                "it and sync again."
            )
        aside = replace_chroma(directory, pointer, salvaged, config) if repair else None
    findings = list(_in_place_of_chroma(damage, salvaged, repair=repair, was_writing=pointer.writing))
    if aside is not None:
        kept = f"{aside} has what was damaged; remove it once you miss nothing"
        findings.append(Finding(_damaged_files(salvaged), True, f"made again from the new Chroma; {kept}"))
    lost = salvaged.lost or {}
    return findings, {name: folder for name, folder in salvaged.reader.state.folders.items() if lost.get(name)}


def _in_place_of_chroma(damage: str, salvaged: Salvage, *, repair: bool, was_writing: bool) -> Iterator[Finding]:
    """What takes the place of a Chroma that is damaged or lost, and what is lost with it for good."""
    made = "a Chroma made of the search files, which have all that was committed"
    if salvaged.damaged:
        made = "a Chroma made of what can be read of the search files"
    since = "; what was being written is synced again from the folders" if was_writing else ""
    yield Finding(damage, repair, f"replaced by {made}{since}" if repair else f"--repair puts in its place {made}")
    if salvaged.damaged and not repair:
        yield Finding(_damaged_files(salvaged), False, "--repair makes the search files again from the new Chroma")
    if salvaged.lost is None:
        what = "nothing tells which documents were deleted, and which were in the search files that are damaged"
        yield Finding(what, False, "look at `ingest status`; sync the folders again, and add what is missing")
        return
    for name, count in sorted(salvaged.lost.items()):
        gone = f"{counted(count, 'document')} {{}} had their records in search files that are damaged"
        if count and not name:
            action = "nothing else has them: add them again, or restore a backup"
            yield Finding(gone.format("added from memory"), False, action)
        elif count and not repair:  # a repair syncs the folder, and tells what it found there
            yield Finding(gone.format(f"of {name}"), False, "--repair indexes again what their folder still has")


def _damaged_files(salvaged: Salvage) -> str:
    names = salvaged.damaged
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"Search files are damaged: {names[0]}{more}"


def _damage_to_chroma(directory: IndexDirectory, pointer: Pointer, settings: Config) -> str | None:
    try:
        directory.check_chroma(pointer)
    except IndexDamagedError as error:
        return str(error).partition(";")[0]
    if not pointer.chroma and (damage := check(directory.chroma)):
        return f"Chroma is damaged: {damage}"
    with closing(Store.open(directory.chroma, settings, patient=True)) as store:
        if not pointer.chroma:
            store.vouch_for(directory.chroma)
        is_emptied = bool(pointer.generation) and store.state() == State() and not any(store.pages_of_chunk_ids())
    return f"{place_of(pointer.chroma)} holds nothing of what was indexed" if is_emptied else None
