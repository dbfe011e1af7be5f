//go:build !linux && !libpcap

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
	return nil, fmt.Errorf("live capture on %s: %w: build with -tags libpcap, or pipe another program in: tcpdump -i DEV -U -w - | respsniff analyze -",
		runtime.GOOS, ErrUnsupported)
}
