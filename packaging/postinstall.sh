#!/bin/sh
# The service is off until it is asked for: a monitor is started by who means to.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	if [ "$1" = configure ] && [ -n "$2" ] || [ "$1" = 2 ]; then # an upgrade, of dpkg and of rpm
		systemctl try-restart respsniff.service || true
	fi
fi
