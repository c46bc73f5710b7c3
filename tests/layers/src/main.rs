//! Fails where a module imports from a higher layer than its own: `make layers`, in the root folder.
//!
//! docs/architecture.md says what each layer holds. The sources are read as text, so the code for every system is seen.

use archaven::{Access, Archaven, Rule};
use std::error::Error;
use std::process::ExitCode;

/// A crate's folder, a module in it, and that module's own modules in layers, the lowest first.
type Layers = (&'static str, &'static str, &'static [&'static [&'static str]]);

const LAYERS: [Layers; 3] = [
    ("src", "", &[&["audit", "call"], &["convert"], &["state"], &["areas", "capi", "make", "methods"]]),
    (
        "core/src",
        "",
        &[
            &["blocks", "error", "mach"],
            &["state"],
            &["guard", "registry"],
            &["memory"],
            &["areas"],
            &["adopt", "within"],
        ],
    ),
    (
        "core/src",
        "areas",
        &[
            &["device", "names", "process", "region_path", "smaps_lines", "smaps_numbers", "vm_flags"],
            &["usage"],
            &["area", "owner", "smaps_fields", "task", "working_set"],
            &["list", "maps_file", "maps_line"],
            &["maps_reader", "procmap_query"],
            &["gate_vma"],
            &["apple", "freebsd", "linux", "windows"],
        ],
    ),
];

/// A module, and all that is in it.
fn patterns(parent: &str, module: &str) -> [String; 2] {
    let path = if parent.is_empty() { module.to_owned() } else { format!("{parent}::{module}") };
    [format!("{path}::**"), path]
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut status = ExitCode::SUCCESS;
    for (folder, parent, layers) in LAYERS {
        let mut checker = Archaven::new();
        for (number, layer) in layers.iter().enumerate() {
            let higher: Vec<_> =
                layers[number + 1..].concat().iter().flat_map(|other| patterns(parent, other)).collect();
            for from in layer.iter().flat_map(|module| patterns(parent, module)).filter(|_| !higher.is_empty()) {
                let access = Access::from(from).to_any(&higher).because("It is in a higher layer.");
                checker = checker.rule(Rule::new().named("layers").deny(access));
            }
        }
        let violations = checker.check(folder)?;
        if !violations.is_empty() {
            eprintln!("{violations}");
            status = ExitCode::FAILURE;
        }
        for entry in std::fs::read_dir(format!("{folder}/{parent}"))? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if name != "lib" && name != "mod" && !layers.concat().contains(&name.as_str()) {
                eprintln!("{}: tests/layers/src/main.rs gives it no layer", path.display());
                status = ExitCode::FAILURE;
            }
        }
    }
    Ok(status)
}
