"""Tables of hostile snippets, `source -> names of what it may raise`, and some longer ones."""

import signal

NUMBERS = """
m[2**100] -> IndexError
m[-2**100] -> IndexError
m[2**100] = 1 -> IndexError
m[1.0] -> TypeError
m[0] = 2**100 -> ValueError
m[0] = 1.5 -> TypeError
m["x"] = 1 -> TypeError
del m[0] -> TypeError
m.split_off(2**64) -> OverflowError
m.split_off(-1) -> OverflowError
m.split_off(MAX) -> InvalidOffsetError
m.split_off(MAX - P + 1) -> InvalidOffsetError
m.split_to(MAX - P + 1) -> InvalidOffsetError
m.split_off(1.0) -> TypeError
m.split_off(None) -> TypeError
m.fill(1, range(0, MAX)) -> InvalidOffsetError
m.fill(1, range(MAX, MAX)) -> InvalidOffsetError
m.fill(1, range(0, 2**64)) -> OverflowError
m.copy_within(slice(0, P), MAX) -> InvalidOffsetError
m.copy_within(slice(0, MAX), 0) -> InvalidOffsetError
m.flush(range(MAX - 1, MAX)) -> InvalidOffsetError
m.flush(range(P, 0)) -> InvalidOffsetError
m.flush(range(MAX, 0)) -> InvalidOffsetError
m.flush_async(slice(MAX, None)) -> InvalidOffsetError
m.flush(5) -> TypeError
m.advise(MmapFlags.WILLNEED, range(P, MAX)) -> InvalidOffsetError
m.advise(MmapFlags.SHARED) -> InvalidOperationError
m.advise(UnsafeMmapFlags.JIT) -> TypeError
m.advise(2**40) -> ValueError
m.advise(-1) -> ValueError
m.advise("WILLNEED") -> TypeError
m.find(b"x", 2**100, -2**100) -> ok
m.find(b"x", 1.0) -> TypeError
MmapOptions(0) -> InvalidSizeError
MmapOptions(-1) -> OverflowError
MmapOptions(2**64) -> OverflowError
MmapOptions(1.0) -> TypeError
MmapOptions("1") -> TypeError
MmapOptions(I(5, fail)) -> ZeroDivisionError
MmapOptions() -> TypeError
MmapOptions(MAX).map() -> OSError InvalidSizeError
MmapOptions(MAX).reserve_none() -> OSError InvalidSizeError
MmapOptions(MAX - P + 1).map_mut() -> OSError InvalidSizeError
MmapOptions(MAX // 2 + 1).map_mut() -> OSError InvalidSizeError
MmapOptions(P).with_address(2**64) -> OverflowError
MmapOptions(P).with_address(-1) -> OverflowError
MmapOptions(P).with_address(MAX).map() -> ok OSError InvalidOffsetError
MmapOptions(MAX).with_address(MAX).map() -> OSError InvalidSizeError
MmapOptions(P).with_flags(1 << 40) -> ValueError
MmapOptions(P).with_flags(-1) -> ValueError
MmapOptions(P).with_flags(2**100) -> ValueError
MmapOptions(P).with_flags(UnsafeMmapFlags.JIT) -> TypeError
MmapOptions(P).with_flags("SHARED") -> TypeError
MmapOptions(P).with_flags(1.0) -> TypeError
MmapOptions(P).with_flags(None) -> TypeError
MmapOptions(P).with_unsafe_flags(MmapFlags.SHARED) -> TypeError
MmapOptions(P).with_unsafe_flags(64) -> ValueError
MmapOptions(P).with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED).map() -> InvalidOperationError
MmapOptions(P).with_page_size(12) -> TypeError
MmapOptions(P).with_page_size(PageSize(63)).map() -> InvalidSizeError
PageSize(64) -> InvalidSizeError
PageSize(2**64) -> OverflowError
PageSize(-1) -> OverflowError
PageSize("12") -> TypeError
PageSize(12) < 5 -> TypeError
PageSize.try_from(PageSizes(0)) -> InvalidSizeError
PageSize.from_bytes(0) -> InvalidSizeError
PageSize.from_bytes(MAX) -> InvalidSizeError
PageSizes.from_bytes(5) -> ValueError
MemoryAreas.query(-1) -> OverflowError
MemoryAreas.query(2**64) -> OverflowError
MemoryAreas.query(MAX) -> ok
MemoryAreas.query(0.0) -> TypeError
list(MemoryAreas.query_range(range(0, MAX))) -> ok
list(MemoryAreas.query_range(range(MAX, MAX))) -> ok
list(MemoryAreas.query_range(range(5, 3))) -> InvalidOffsetError
list(MemoryAreas.query_range(range(0, 10, 2))) -> ValueError
list(MemoryAreas.query_range(7)) -> TypeError
list(MemoryAreas.open(2**31 - 1)) -> ProcessLookupError
MemoryAreas.open(2**64) -> OverflowError
MemoryAreas.open("self") -> TypeError
MemoryAreas() -> TypeError
MemoryArea() -> TypeError
"""

FILES = """
MmapOptions(P).with_file(F(fail)) -> ZeroDivisionError
MmapOptions(P).with_file(F(lambda: "x")) -> TypeError
MmapOptions(P).with_file(F(lambda: 1.0)) -> TypeError
MmapOptions(P).with_file(F(lambda: None)) -> TypeError
MmapOptions(P).with_file(F(lambda: -1)) -> ValueError OSError
MmapOptions(P).with_file(F(lambda: 2**100)) -> OverflowError
MmapOptions(P).with_file(F(lambda: 10**6)) -> OSError
MmapOptions(P).with_file(-1) -> ValueError OSError
MmapOptions(P).with_file(2**100) -> OverflowError
MmapOptions(P).with_file(10**6) -> OSError
MmapOptions(P).with_file(None) -> TypeError
MmapOptions(P).with_file(1.5) -> TypeError
MmapOptions(P).with_file("a\\0b").map() -> ValueError
MmapOptions(P).with_file("/no/such/file").map() -> FileNotFoundError
MmapOptions(P).with_file(tempfile.gettempdir()).map() -> OSError InvalidSizeError
MmapOptions(P).with_file("/dev/null").map() -> OSError InvalidSizeError
MmapOptions.for_file("/no/such/file") -> FileNotFoundError
MmapOptions.for_file("/dev/null") -> OSError InvalidSizeError
MmapOptions.for_file(os.pipe()[0]) -> OSError InvalidSizeError
MmapOptions(P).with_file(os.pipe()[0]).map() -> OSError InvalidSizeError
MmapOptions(P).with_file(file(), -P) -> OverflowError
MmapOptions(P).with_file(file(), 2**64).map() -> OverflowError
MmapOptions(P).with_file(file(), 2**64 - P).map() -> InvalidSizeError InvalidOffsetError OverflowError
MmapOptions(P).with_file(file(), 2**63).map() -> InvalidSizeError InvalidOffsetError OverflowError
MmapOptions(P).with_file(file(), 2**64 - P, past_end=True).map() -> OSError ValueError OverflowError
MmapOptions(P).with_file(file(), 1).map() -> InvalidOffsetError
MmapOptions(P).with_file(file(P - 1)).map() -> InvalidSizeError
MmapOptions.for_file(file(4 * G), 4 * G).map() -> ok
MmapOptions.for_file(file(4 * G), 4 * G + P) -> InvalidSizeError
MmapOptions.for_file(file(), 2**64 - P) -> InvalidSizeError InvalidOffsetError OverflowError
f = file(); MmapOptions(P).with_file(F(lambda: (f.fileno(), f.close())[0])) -> OSError
f = file(); MmapOptions(P).with_file(f, I(0, f.close)) -> OSError ValueError ok
f = file(); o = MmapOptions(P).with_file(f); f.close(); assert o.map()[0] == 0 -> ok
f = file(); m = MmapOptions(P).with_file(F(lambda: (m.close(), f.fileno())[1])).map() -> ok
f = file(); f.close(); MmapOptions(P).with_file(f) -> ValueError
"""

LIVES = """
m.merge(m) -> MustBeAdjacentError
m.merge(None) -> TypeError
m.merge(fresh().make_read_only()) -> TypeError
m.merge(memoryview(m)) -> TypeError
view(); m.merge(m) -> BufferError MustBeAdjacentError
MmapMut.try_from(m) -> TypeError
Mmap.try_from(memoryview(m)) -> TypeError
m.__init__(); assert m[0] == 7 -> ok TypeError
m.__init__(5) -> ok TypeError
m.__exit__() -> ok TypeError
m.__exit__(1, 2, 3); m.size() -> ConsumedError
m.__exit__(None, None, None); m.__enter__() -> ConsumedError
Mmap.__new__(Mmap) -> TypeError
object.__new__(MmapMut) -> TypeError
type("X", (MmapMut,), {}) -> TypeError
m.close(5, 6) -> TypeError
m.close(defer=fail) -> TypeError
m.__setstate__({}) -> AttributeError
m.__dict__ -> AttributeError
m.colour = 1 -> AttributeError
import copyreg; copyreg.__newobj__(MmapMut)[0] -> TypeError
import copyreg; copyreg._reconstructor(MmapMut, object, None)[0] -> TypeError
it = iter(m); next(it); close(); next(it) -> ConsumedError
it = reversed(m); next(it); close(); next(it) -> ConsumedError
it = iter(m); next(it); shrink(); assert len(list(it)) == 2 * P - 1 -> ok
it = reversed(m); next(it); shrink(); list(it) -> ok IndexError
it = iter(m); it.__setstate__(2**62); list(it) -> ok AttributeError IndexError
it = iter(m); it.__setstate__(-2**62); list(it) -> ok AttributeError IndexError
it = reversed(m); it.__setstate__(2**62); list(it) -> ok AttributeError IndexError
it = iter(m); close(); it.__length_hint__() -> ok AttributeError ConsumedError
v = memoryview(m); m.close(defer=True); v[-1] = 1; v.release(); v[0] -> ValueError
v = m.as_slice(); v.obj.close() -> BufferError AttributeError
v = memoryview(m); keep.append(m); del m; m = fresh(); keep.clear(); assert v[0] == 7 -> ok
f = m.as_file(); m.close() -> BufferError
f = m.as_file(); f.close(); m.close() -> ok
f = m.as_file(); m.close(defer=True); assert f.read(1) == b"\\7" -> ok ConsumedError
f = m.as_file(); f.seek(2**100) -> OverflowError ValueError OSError
f = m.as_file(); f.seek(-1) -> ValueError OSError
f = m.as_file(); f.seek(sys.maxsize); assert f.read() == b"" -> ok
f = m.as_file(); f.readinto(memoryview(m)[5:9]); assert m[5] == 7 -> ok
f = m.as_file(); f.write(memoryview(m)[1:]) -> ok
f = m.as_file(); f.seek(1); f.write(m) -> InvalidSizeError
f = m.as_file(); f.readinto(I(0, close)) -> TypeError
f = m.as_file(); f.read(I(5, close)) -> BufferError
f = m.as_file(); f.__init__(fresh(1)); assert f.read(1) == b"\\7" -> ok TypeError ValueError
type(m.as_file())(None) -> TypeError AttributeError
type(m.as_file())(b"abc").read() -> ok TypeError AttributeError
j = m.jit_write(); j.__exit__(None, None, None) -> ok RuntimeError ValueError
j = m.jit_write(); close(); j.__enter__() -> ok ConsumedError
j = m.jit_write(); j.__enter__(); close(); j.__exit__(None, None, None) -> ok ConsumedError BufferError
areas = MemoryAreas.open(); list(areas); next(areas) -> StopIteration
areas = MemoryAreas.open(); next(areas); keep += [fresh(1) for _ in range(99)]; list(areas) -> ok
hash(m); {m: 1}; m == m; m != 5; m < m -> TypeError
w = weakref.ref(m, lambda _: fresh()); m = fresh(); gc.collect(); assert w() is None -> ok
sys.addaudithook(lambda e, a: e == "mmap_rs.exec" and close()); m.make_exec() -> ConsumedError
sys.addaudithook(lambda e, a: e == "mmap_rs.exec" and view()); m.make_exec() -> BufferError
sys.addaudithook(lambda e, a: e == "mmap_rs.exec" and fail()); m.make_exec() -> ZeroDivisionError
sys.addaudithook(lambda e, a: e == "mmap_rs.map" and fail()); fresh() -> ZeroDivisionError
sys.addaudithook(lambda e, a: e == "mmap_rs.map" and close()); fresh(); assert m.closed -> ok
m = m.make_exec(); sys.addaudithook(lambda e, a: e == "mmap_rs.function" and close()); \
m.function(None) -> ConsumedError BufferError
m = m.make_exec(); sys.addaudithook(lambda e, a: e == "mmap_rs.function" and fail()); \
m.function(None) -> ZeroDivisionError
m = m.make_exec(); m.function(I) -> TypeError
m = m.make_exec(); m.function(None, type("T", (), {"from_param": fail})) -> ok
MmapOptions(2**46).with_flags(MmapFlags.NO_RESERVE).map()[:] -> MemoryError OSError OverflowError
"""

LONG = [
    # A finalizer that the collector runs in the middle of whatever allocates next.
    """
class Bomb:
    def __del__(self): close()
for call in (lambda: m[0:99], lambda: memoryview(m), lambda: m.as_slice(), lambda: iter(m),
             lambda: m.as_file(), lambda: m.split_off(P), lambda: m.make_mut(), lambda: repr(m),
             lambda: m.jit_write(), lambda: m.startswith((b"a", b"b"))):
    for threshold in range(1, 30):
        m = fresh()
        bomb = Bomb(); bomb.me = bomb; del bomb
        gc.set_threshold(threshold)
        try: keep.append(call())
        except (ConsumedError, BufferError): pass
        finally: gc.set_threshold(0)
        gc.collect(); keep.clear()
""",
    # A generator whose end closes the mapping, in the arguments of a call.
    """
def generator():
    try:
        yield 0
    finally:
        close()
m[next(generator()):5]
""",
    # Signals close the mapping during long calls.
    """
m = MmapOptions(32 * 1024 * 1024).map_mut()
signal.signal(signal.SIGALRM, lambda *_: close())
signal.setitimer(signal.ITIMER_REAL, 0.05)
while True:
    m.find(b"x"); m.count(7); m.fill(7)
""",
    # So little memory that every copy fails: an error, not an abort.
    """
import resource
m = MmapOptions(64 * 1024 * 1024).map_mut()
with open("/proc/self/statm") as statm: used = int(statm.read().split()[0]) * P
resource.setrlimit(resource.RLIMIT_AS, (used + 4 * 1024 * 1024,) * 2)
source = memoryview(m)
for call in (lambda: m[:], lambda: m[::2], lambda: m.__setitem__(slice(None, None, -1), source),
             lambda: m.__setitem__(slice(0, 2**25), source[::2]), lambda: bytes(m),
             lambda: m.__setitem__(slice(None, None, 2), source[:2**25]),
             lambda: m.find(source[::2]), lambda: m.copy_from_slice(source[::-1])):
    try: call()
    except (MemoryError, BufferError): pass
source.release()
try: MmapOptions(64 * 1024 * 1024).map_mut()
except mmap_rs.SystemCallError as error: assert error.errno == 12
""",
    # Recursion that ends inside the argument of a call.
    """
class Deep:
    def __index__(self): return m[Deep()]
m[Deep()]
""",
]
if not hasattr(signal, "setitimer"):
    LONG[2], LONG[3] = "close(); m[0]", "pass"  # no such signals and limits on this system
LONG_EXPECTED = ["ok", "ConsumedError", "ConsumedError", "ok", "RecursionError"]
