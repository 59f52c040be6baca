"""Text of a list that people save from a spreadsheet."""

from pathlib import Path

from mpi.domain.errors import InputError


def read_list_text(path: Path, max_bytes: int) -> str:
    """Return the text of a CSV file in UTF-8.

    The file may begin with a byte order mark, which is left out.

    Args:
        path: the file.
        max_bytes: size of the largest file, in bytes.

    Raises:
        InputError: the file cannot be read, is too large, or is not in UTF-8.
    """
    try:
        if path.stat().st_size > max_bytes:
            raise InputError(f"{path.name} is larger than {max_bytes >> 20} MB: is it the right file?")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not in UTF-8: save it as CSV UTF-8") from None
    except OSError:
        raise InputError(f"{path.name} cannot be read") from None
