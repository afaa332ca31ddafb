mod damage;
mod faults;
mod memory_disk;
mod on_disk;
