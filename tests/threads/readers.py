"""Parts of scripts for child processes: threads that are inside a mapping's calls."""

# A call that lets other threads run; over 1 GiB it lasts longer than a wait without a look at signals.
LONG = """
def long_call(mapping):
    started = threading.Event()
    def run():
        started.set()
        with suppress(ConsumedError):
            mapping.count(b"xyz")
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait()
    time.sleep(0.003)
    return thread
"""

# Threads that read `mapping` without a pause until it is closed.
READERS = """
def read():
    with suppress(ConsumedError):
        while True:
            mapping.count(b"xyz")

readers = [threading.Thread(target=read) for _ in range(3)]
for reader in readers:
    reader.start()
time.sleep(0.1)
"""
