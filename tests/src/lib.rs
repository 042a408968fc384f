//! End-to-end tests of Picket.
