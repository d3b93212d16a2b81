"""What this machine is, as one JSON object: standard library only, nothing leaves the machine."""

import json
import os
import platform
import shutil
import socket

disk = shutil.disk_usage("/")
print(
    json.dumps(
        {
            "hostname": socket.gethostname(),
            "system": platform.system(),
            "release": platform.release(),
            "machine": platform.machine(),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "diskTotalGiB": round(disk.total / 2**30, 1),
            "diskFreeGiB": round(disk.free / 2**30, 1),
        },
        indent=2,
    )
)
