"""The command line. Nothing here is imported by `import mmap_rs`."""
