//! Who may command a Pi, from the bytes that arrive to the word about them.

mod good;
mod scene;
