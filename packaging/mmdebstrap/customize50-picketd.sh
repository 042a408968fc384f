#!/bin/sh
# Preinstalls picketd in an image that mmdebstrap makes:
#
#   PICKETD_DEB=picketd_0.1.0-1_arm64.deb PICKETD_CONFIG=picketd.toml \
#       mmdebstrap --hook-directory=packaging/mmdebstrap --include=init-system-helpers bookworm image.tar
#
# PICKETD_DEB is the package, of the image's architecture. PICKETD_CONFIG is the configuration of the fleet, if it differs from the
# package's. Nothing that belongs to one Pi alone goes into an image: that is its kernel command line, or its folder on the server.
set -eu

root=$1
: "${PICKETD_DEB:?names the package of picketd, see $0}"
[ -f "$PICKETD_DEB" ] || { echo "$0: PICKETD_DEB: there is no file $PICKETD_DEB" >&2; exit 1; }

cp "$PICKETD_DEB" "$root/picketd.deb"
# Enables it; no systemd runs in there, so nothing is started.
DEBIAN_FRONTEND=noninteractive chroot "$root" dpkg --install /picketd.deb
rm "$root/picketd.deb"
if [ -n "${PICKETD_CONFIG:-}" ]; then
    install -m 644 "$PICKETD_CONFIG" "$root/etc/picket/picketd.toml"
fi
