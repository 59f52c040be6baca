"""Program that exports a research extract and dies at given steps.

Each argument is ``FUNCTION:EVENT:COUNT:FOLDER``. A fork of this program does what ``mpi export research``
does into the folder. It is killed when the function was called or left (``call``, ``return``) that often.
Without a function, it runs to its end. The program prints how each fork ended, negative for a signal.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from mpi.bootstrap import open_index
from mpi.cli.output_files import write_private_folder
from mpi.config import Settings
from mpi.domain.viewer import make_operator
from mpi.service.research.extract import make_extract

PROJECT = "reading"


def _die_at(function: str, event: str, count: int) -> None:
    """Have this process killed at an event of a function of the index."""
    seen = 0

    def watch(frame: FrameType, happened: str, _argument: object) -> None:
        nonlocal seen
        if happened == event and frame.f_code.co_name == function:
            seen += 1
            if seen == count:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


def main() -> None:
    """Run and kill one export for each argument."""
    for argument in sys.argv[1:]:
        function, event, count, folder = argument.split(":")
        child = os.fork()
        if not child:
            index = open_index(Settings(), for_look_up=True)
            if function:
                _die_at(function, event, int(count))
            extract = make_extract(index, make_operator(), PROJECT)
            write_private_folder(Path(folder), extract.files)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stderr.write(f"{os.waitstatus_to_exitcode(status)}\n")


if __name__ == "__main__":
    main()
