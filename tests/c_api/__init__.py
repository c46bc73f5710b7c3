"""The C API, and views and memory that other languages hold."""
