#!/bin/sh
# What runs is stopped before its program goes; not for an upgrade.
set -e
if [ -d /run/systemd/system ] && { [ "$1" = remove ] || [ "$1" = 0 ]; }; then
	systemctl disable --now respsniff.service || true
fi
