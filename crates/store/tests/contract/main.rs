//! What a store promises, held against both implementations, and what only the one on disk can show.

mod support;
mod found;

mod promises;
mod pages;
mod pending;
mod redaction;
mod alike;
mod disk;
mod lost;
mod backup;
mod behind;
mod forget;
mod people;
mod damage;
mod flips;
mod old;
mod search;
mod words;
mod speed;
