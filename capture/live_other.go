//go:build !linux && !libpcap && !(cgo && (darwin || dragonfly || freebsd || netbsd || openbsd))

package capture

import (
	"fmt"
	"runtime"
)

const (
	liveMethod = ""
	liveAny    = false
)

func linkOf(string) LinkType { return LinkEthernet }

func openLiveBackend(*LiveOptions) (liveBackend, error) {
	return nil, fmt.Errorf("live capture on %s: %w: build with cgo and -tags libpcap, or pipe another program in: tcpdump -i DEV -U -w - | respsniff analyze -",
		runtime.GOOS, ErrUnsupported)
}
