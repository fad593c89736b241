"""Work that survives: cut into units, each done once and stored whole; a killed run goes on where it stopped."""

from tf_lowdef.jobs.fingerprint import RunMismatchError, fingerprint
from tf_lowdef.jobs.layout import DONE
from tf_lowdef.jobs.local import LocalRunner
from tf_lowdef.jobs.lock import RunInUseError, hold, hold_folder
from tf_lowdef.jobs.remote_folder import Folder, RemoteFolder, local_path, move_remote, working_folder
from tf_lowdef.jobs.store import Store, explain_full_disk, hold_run, is_full, open_run
from tf_lowdef.jobs.units import Record, Runner, SplitWork, Unit, Work, cut

__all__ = [
    "DONE",
    "Folder",
    "LocalRunner",
    "Record",
    "RemoteFolder",
    "RunInUseError",
    "RunMismatchError",
    "Runner",
    "SplitWork",
    "Store",
    "Unit",
    "Work",
    "cut",
    "explain_full_disk",
    "fingerprint",
    "hold",
    "hold_folder",
    "hold_run",
    "is_full",
    "local_path",
    "move_remote",
    "open_run",
    "working_folder",
]
