#!/bin/bash -e
# Preinstalls picketd in an image of Raspberry Pi OS. Copy stage-picket into pi-gen, put the package (armhf or arm64, as the image)
# and, if you have one, the fleet's picketd.toml into its 00-picketd/files, and name the stage in STAGE_LIST.
shopt -s nullglob
packages=(files/picketd_*.deb)
if [ ${#packages[@]} -ne 1 ]; then
    echo "$PWD/files must hold one package picketd_VERSION_ARCHITECTURE.deb, it holds ${#packages[@]}" >&2
    exit 1
fi
install -m 644 "${packages[0]}" "${ROOTFS_DIR}/picketd.deb"
# Enables it; no systemd runs in there, so nothing is started.
on_chroot << EOF
DEBIAN_FRONTEND=noninteractive dpkg --install /picketd.deb
rm /picketd.deb
EOF
if [ -f files/picketd.toml ]; then
    install -m 644 files/picketd.toml "${ROOTFS_DIR}/etc/picket/picketd.toml"
fi
