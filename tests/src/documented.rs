//! The four commands of docs/INSTALL.md, as they stand there, and the machine where the authority is. It knows no Pi.
use std::{path::Path, process::Command};

use crate::{binaries, provisioned::Provisioned};

/// The Pi of the documentation.
pub const PI: &str = "c01710ca1a9e0001";
/// The broker of the documentation.
pub const BROKER: &str = "broker.example.net";
/// The package of the documentation.
pub const PACKAGE: &str = "picketd_0.1.0-1_arm64.deb";

/// From a Debian to an agent that is provisioned and watched. Only names of a test take the places of documented ones.
#[derive(Debug)]
pub struct Commands {
    /// Where the authority is: what a Pi needs, as a tarball.
    pub provision: String,
    /// There too: the broker lets it in.
    pub admit: String,
    /// On the Pi: the package.
    pub install: String,
    /// On the Pi: the tarball, and a new start.
    pub unpack: String,
}

impl Commands {
    /// Those of the block.
    pub fn read() -> Self {
        let text = include_str!("../../docs/INSTALL.md");
        let after = text.split_once("provisioned and watched\n");
        let block = after.and_then(|(_, section)| section.split("```").nth(1));
        let lines = block.map(|block| block.trim().lines().map(str::to_owned));
        let lines: Vec<_> = lines.expect("INSTALL.md has the block").collect();
        let [provision, admit, install, unpack] = lines.try_into().expect("four commands");
        Self {
            provision,
            admit,
            install,
            unpack,
        }
    }
}

impl Provisioned {
    /// Runs a documented command where the authority is; it must succeed.
    pub fn shell(&self, command: &str) {
        let programs = binaries::picket();
        let programs = programs.parent().expect("a program lies in a folder");
        let path = std::env::var("PATH").expect("there is a PATH");
        let output = Command::new("sh")
            .args(["-euc", command])
            .env("PATH", format!("{}:{path}", Path::display(programs)))
            .env("PICKET_AUTHORITY", self.path("authority"))
            .current_dir(self.path(""))
            .output()
            .expect("every Linux has a shell");
        assert!(output.status.success(), "{command}: {output:?}");
    }
}
