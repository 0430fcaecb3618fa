"""Which generation of an index searches read: the newest that can be read with the index's settings."""

import logging
from collections.abc import Callable

from retrieval.config import Config
from retrieval.directory.index_directory import IndexDirectory
from retrieval.directory.pointer import Pointer
from retrieval.errors import IndexDamagedError, IndexMismatchError
from retrieval.fingerprint import Fingerprint
from retrieval.segments.manifest import Manifest
from retrieval.segments.pending_reader import with_pending
from retrieval.segments.reader import IndexReader

log = logging.getLogger(__name__)

_REPAIRED = "The last generation answers; `ingest doctor --repair` makes the search files again."


class NewestGeneration:
    """The newest generation of an open index. Only one thread at a time may call a method; any may read attributes.

    reader      the generation, without documents that await vectors; an empty one before the first
    made_with   the settings and model that made the index, as soon as they are known
    """

    def __init__(self, directory: IndexDirectory, config: Config) -> None:
        self.reader = IndexReader.empty(config)
        self.made_with: Fingerprint | None = None
        self._directory = directory
        self._config = config
        self._stamp: tuple[int, int] | None = None
        self._shown = self.reader
        self._reported = ""
        self._is_superseded = False

    @property
    def shown(self) -> IndexReader:
        """What searches read: the generation with the documents that await vectors."""
        shown, reader = self._shown, self.reader
        if shown.committed is not reader or (shown is not reader and shown.is_cut_off):
            shown = self._shown = with_pending(reader, self._config)
        return shown

    @property
    def is_readable(self) -> bool:
        """Whether there is a generation, and its files are whole."""
        return bool(self.reader.generation) and not self.reader.is_cut_off

    @property
    def is_current(self) -> bool:
        """Whether the pointer is the same as at the last refresh, and no file has lost its end."""
        return self._directory.pointer_stamp() == self._stamp and not self.reader.is_cut_off

    def committed(self, reader: IndexReader) -> None:
        """Take the generation that this process has just committed."""
        self.reader = reader
        self._stamp = self._directory.pointer_stamp()

    def refresh(self, recover: Callable[[], None]) -> None:
        """Read the generation that the pointer names now. The last one stays, and a warning is logged, where the new
        one was made with other settings or its pointer cannot be read.

        recover   makes a generation of what Chroma holds; called where none can be read.

        Raises IndexMismatchError or IndexDamagedError where no generation is left to read, and what `recover` raises.
        """
        stamp = self._directory.pointer_stamp()
        if stamp == self._stamp and not self.reader.is_cut_off:
            return
        try:
            pointer = self.load()
        except (IndexMismatchError, IndexDamagedError) as error:
            if not self.is_readable:
                raise
            if not self._is_superseded:
                is_rebuilt = isinstance(error, IndexMismatchError)
                said = "It was rebuilt with other settings; open it again to search the new one." if is_rebuilt else ""
                log.warning("%s %s The last generation answers.", error, said)
            self._is_superseded = True
        else:
            self._is_superseded = False
            if pointer is not None and not self.is_readable:
                recover()
                stamp = self._directory.pointer_stamp() if self.is_readable else None
        self._stamp = stamp
        if self.reader.is_cut_off:
            raise IndexDamagedError(
                f"A search file of {self._directory.path} has lost its end; `ingest doctor --repair` makes it again."
            )

    def load(self) -> Pointer | None:
        """Read the pointer, and the generation that it names. Where that cannot be read, a warning is logged, and the
        last one stays. Raises IndexMismatchError where other settings made the index; nothing changes then."""
        stamp, pointer = self._directory.pointer_stamp(), self._directory.read_pointer()
        while pointer is not None:
            if pointer.fingerprint:
                self._check_settings(pointer.fingerprint)
            if not pointer.generation:
                break
            try:
                self._read(pointer.generation)
                break
            except IndexDamagedError as error:
                before = stamp, pointer
                stamp, pointer = self._directory.pointer_stamp(), self._directory.read_pointer()
                if (stamp, pointer) == before:  # so it is damaged: no writer has replaced and removed it meanwhile
                    self._report(error, before[1].generation)
                    break
        return pointer

    def _read(self, generation: str) -> None:
        known = self.reader if self.is_readable else IndexReader.empty(self._config)
        manifest = Manifest.read(self._directory.generations, generation)
        if (manifest.state.generation, manifest.files) == (known.generation, known.files):
            return  # the files are compared too, because a merge keeps the generation's name
        reader = IndexReader.open(self._directory.segments, manifest, self._config, known=known)
        self._check_analysis(reader)
        self.reader = reader

    def _report(self, error: IndexDamagedError, generation: str) -> None:
        if self._reported != generation:
            log.warning("%s %s", error, _REPAIRED if self.is_readable else "It is made again from Chroma.")
            self._reported = generation

    def _check_analysis(self, reader: IndexReader) -> None:
        """Raises IndexDamagedError where another version of the text analysis made the postings: queries would miss
        their terms."""
        made_with = reader.fingerprint
        if made_with is not None and made_with.analyzer != made_with.current_analyzer:
            raise IndexDamagedError(f"The search files of {self._directory.path} were analysed by another version.")

    def _check_settings(self, fingerprint: str) -> None:
        """Raises IndexMismatchError where other settings or another model made the index."""
        known = self.made_with
        if known is not None and fingerprint == known.to_json():
            return
        made_with = Fingerprint.from_json(fingerprint)
        made_with.check_config(self._config, index=str(self._directory.path))
        if known is not None and not known.embeds_like(made_with):
            raise IndexMismatchError(
                f"The index {self._directory.path} was made again with other weights of {self._config.model} since it "
                "was opened; open it again."
            )
        self.made_with = made_with
