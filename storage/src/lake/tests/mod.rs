//! Tables are published to a folder or a bucket and read back by DuckDB and pyiceberg (`tests/lake/check.py`).

mod database;
mod files;
mod model;
mod readers;
