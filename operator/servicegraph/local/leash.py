"""A leash: a small process between us and a program, which sees to it that the program never outlives us.

Run as a script, not imported: `python -I -S leash.py LIFELINE REPORT STOP GRACE USER PROGRAM [ARGUMENT…]`. It
holds the reading end of a pipe (LIFELINE) whose only writing end is ours. When we close it, or die by
whatever means, the read ends and the program is told to stop; what still runs after GRACE seconds is killed.
Killing the leash kills the program too, through Linux's parent death signal: that one fires when the *thread*
that started the program ends, which is why we cannot use it ourselves and why the leash has a single thread.
Only the standard library is imported here, so that a leash starts in milliseconds.

`servicegraph.local.process` starts leashes and speaks the other side.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CANNOT_RUN = 127  # what a shell answers for a program that cannot be started
_SIGNALLED = 128  # what a shell adds to the number of the signal that ended a program


def main(lifeline: int, report: int, stop: int, grace: float, user: str, argv: list[str]) -> int:
    """Run `argv` as `user` ("" = as ourselves) until it ends or the lifeline does; its exit code as a shell tells it.

    The program's process id is written to `report` at once. `stop` is the number of the signal that asks it
    to end.
    """
    os.set_inheritable(lifeline, False)  # noqa: FBT003 - its only signature
    os.set_inheritable(report, False)  # noqa: FBT003
    leash = os.getpid()
    program = os.fork()
    if program == 0:
        _become(user, leash, argv)
    with contextlib.suppress(BrokenPipeError):  # whoever started us is gone: the lifeline says so too
        os.write(report, f"{program}\n".encode())
    ended = os.pidfd_open(program)
    if lifeline in _wait((lifeline, ended)):
        _signal_all(program, stop)
        if not _wait((ended,), grace):
            _signal_all(program, signal.SIGKILL)
            _wait((ended,))
    _signal_all(
        program, signal.SIGKILL
    )  # what the program started and left; its own id is not free again before waitpid
    _, status = os.waitpid(program, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else _SIGNALLED - code


def _become(user: str, leash: int, argv: list[str]) -> None:
    """Turn this fork into the program; never returns."""
    try:
        os.setsid()
        if user:
            entry = pwd.getpwnam(user)
            os.initgroups(user, entry.pw_gid)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
        # After setuid: a change of credentials clears the signal.
        if (
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0
            or os.getppid() != leash
        ):
            os._exit(_CANNOT_RUN)
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted
    except BaseException as error:  # noqa: BLE001 - a fork must end here, whatever happened
        sys.stderr.write(f"cannot run {argv[0]}: {error}\n")
        sys.stderr.flush()
    finally:
        os._exit(_CANNOT_RUN)


def _wait(descriptors: tuple[int, ...], seconds: float | None = None) -> set[int]:
    """The descriptors that can be read, or have ended, within `seconds` (for ever when left out)."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN | select.POLLHUP)
    return {descriptor for descriptor, _ in poll.poll(None if seconds is None else seconds * 1000)}


def _signal_all(program: int, number: int) -> None:
    """Signal the program and what it started (it leads a process group of its own)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program, number)


if __name__ == "__main__":
    _lifeline, _report, _stop, _grace, _user, *_argv = sys.argv[1:]
    sys.exit(main(int(_lifeline), int(_report), int(_stop), float(_grace), _user, _argv))
