"""Maildir++: a mailbox's folders lie beside its mails as hidden folders, .Sent and .Archive.2024."""

from pathlib import Path

_OTHERS = ("new", "tmp", "maildirfolder")


def is_mail_folder(folder: Path) -> bool:
    """Whether a hidden folder holds mails: it has `cur` and another mark of Maildir, or lies beside one.

    A folder that cannot be looked at, such as another user's, is none.
    """
    if not folder.name.startswith("."):
        return False
    try:
        if folder.is_symlink() or not (folder / "cur").is_dir():
            return False
        return any((folder / name).exists() for name in _OTHERS) or (folder.parent / "cur").is_dir()
    except OSError:
        return False
