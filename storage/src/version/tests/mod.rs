mod model;
mod requests;
