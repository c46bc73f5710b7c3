//! Hands PyO3's build configuration (`Py_GIL_DISABLED` and the like) and upstream's version on to the compiler.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
    println!("cargo:rerun-if-changed=Cargo.lock");
    println!("cargo:rustc-env=UPSTREAM_VERSION={}", locked_version("mmap-rs").unwrap_or_else(|| "unknown".to_owned()));
}

/// The version that Cargo.lock holds for a package.
fn locked_version(name: &str) -> Option<String> {
    let lock = std::fs::read_to_string("Cargo.lock").ok()?;
    let entry =
        lock.split("[[package]]").find(|entry| entry.lines().any(|line| line == format!("name = \"{name}\"")))?;
    let line = entry.lines().find(|line| line.starts_with("version = "))?;
    Some(line.trim_start_matches("version = ").trim_matches('"').to_owned())
}
