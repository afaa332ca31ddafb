mod interleaving;
mod manifest;
pub(crate) mod world;
