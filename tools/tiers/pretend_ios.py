"""Have an interpreter say that it is one for iOS, so that maturin names a wheel as that one's.

Copied as `sitecustomize.py` into a folder of PYTHONPATH. `MMAP_RS_PRETEND_IOS` holds the processor and kind
of device, e.g. `arm64-iphonesimulator`, and `MMAP_RS_PRETEND_IOS_VERSION` the oldest iOS, e.g. `13.0`.
"""

import os
import platform
import sys
import sysconfig

device = os.environ.get("MMAP_RS_PRETEND_IOS")
if device:
    version = os.environ["MMAP_RS_PRETEND_IOS_VERSION"]
    # Before the platform changes, as these are found by its name.
    variables = sysconfig.get_config_vars()
    arch = device.split("-")[0]
    number = f"{sys.version_info.major}{sys.version_info.minor}"
    for owner, name, value in (
        (sys, "platform", "ios"),
        (sys, "cross_compiling", True),
        (sys.implementation, "_multiarch", device),
        (platform, "system", lambda: "iOS"),
        (platform, "machine", lambda: arch),
        (platform, "release", lambda: version),
        (sysconfig, "get_platform", lambda: f"ios-{version}-{device}"),
    ):
        setattr(owner, name, value)
    variables.update(
        {
            "ABIFLAGS": "",
            "EXT_SUFFIX": f".cpython-{number}-{device}.so",
            "HOST_GNU_TYPE": f"{arch}-apple-ios{version}",
            "LDLIBRARY": "Python.framework/Python",
            "MULTIARCH": device,
            "Py_GIL_DISABLED": 0,
            "SOABI": f"cpython-{number}-{device}",
        }
    )
