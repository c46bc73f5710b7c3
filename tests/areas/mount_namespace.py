"""A mount namespace in which files have a large device number, as in containers."""

# What a child runs first: it then has a `directory` on a file system whose device minor is above 0xff, or has
# printed why it can't, and ended. Its first argument is an empty directory for the file systems.
LARGE_DEVICE_NUMBER = """
import ctypes, os, sys

def refuse(why):
    print(f"skip: {why}")
    raise SystemExit(0)

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(CLONE_NEWNS):
    refuse(f"unshare: {os.strerror(ctypes.get_errno())}")
if libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None):
    refuse(f"mount: {os.strerror(ctypes.get_errno())}")

directory = None
for number in range(300):
    directory = os.path.join(sys.argv[1], str(number))
    os.mkdir(directory)
    if libc.mount(b"none", directory.encode(), b"tmpfs", 0, b"size=64m"):
        refuse(f"mount of tmpfs {number}: {os.strerror(ctypes.get_errno())}")
    if os.minor(os.stat(directory).st_dev) > 0xFF:
        break
else:
    refuse("no device minor above 0xff among 300 file systems")
"""
