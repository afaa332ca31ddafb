//! `lakewire limits`: the table of limits, as the code has it.

use lakewire_storage::limits::Limits;

use crate::failure::Failure;

/// Prints one line a limit: name, value, unit, what it limits.
pub fn print() -> Result<(), Failure> {
    let table = Limits::default().table();
    let width = table.iter().map(|limit| limit.name.len()).max().unwrap_or(0);
    for limit in table {
        println!("{:width$}  {:>12} {:<10}  {}", limit.name, limit.value, limit.unit, limit.doc);
    }
    Ok(())
}
