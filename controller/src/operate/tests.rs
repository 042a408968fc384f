//! Timelines of orders, and their rules under any order of messages.
