// Package given reads what users know beforehand of a capture: ports, read timeouts, policies, what was lost.
package given

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/capture"
)

// Ports reads numbers of ports.
func Ports(numbers []uint) (ports []uint16, err error) {
	for _, p := range numbers {
		if p == 0 || p > 65535 {
			return nil, fmt.Errorf("--port %d: want 1 to 65535", p)
		}
		ports = append(ports, uint16(p))
	}
	return ports, nil
}

// ReadTimeouts reads [IP=]DURATION; the zero address stands for every client.
func ReadTimeouts(specs []string) (map[netip.Addr]time.Duration, error) {
	all := map[netip.Addr]time.Duration{}
	for _, spec := range specs {
		who, word, err := perClient(spec)
		if err != nil {
			return nil, fmt.Errorf("--read-timeout %s: %v", spec, err)
		}
		d, err := time.ParseDuration(word)
		if err != nil || d <= 0 {
			return nil, fmt.Errorf("--read-timeout %s: want a duration such as 300ms", spec)
		}
		all[who] = d
	}
	return all, nil
}

// Policies reads [IP=]WORD; the zero address stands for every client.
func Policies(specs []string) (map[netip.Addr]client.Policy, error) {
	all := map[netip.Addr]client.Policy{}
	for _, spec := range specs {
		who, word, err := perClient(spec)
		if err != nil {
			return nil, fmt.Errorf("--policy %s: %v", spec, err)
		}
		p, ok := client.ParsePolicy(word)
		if !ok {
			return nil, fmt.Errorf("--policy %s: want lockstep, pipelines, multiplex or async", spec)
		}
		all[who] = p
	}
	return all, nil
}

// Drops reads a number of packets, or the closing lines of tcpdump; "" is nothing known.
func Drops(text string) (capture.Drops, error) {
	if text == "" {
		return capture.Drops{}, nil
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil && n >= 0 {
		return capture.Drops{Known: true, Kernel: n}, nil
	}
	if d, ok := capture.ParseDrops(text); ok {
		return d, nil
	}
	return capture.Drops{}, errors.New("--drops " + text + ": want a number, or tcpdump's line \"N packets dropped by kernel\"")
}

// perClient splits [IP=]WORD.
func perClient(spec string) (who netip.Addr, word string, err error) {
	before, after, found := strings.Cut(spec, "=")
	if !found {
		return netip.Addr{}, spec, nil
	}
	who, err = netip.ParseAddr(strings.Trim(before, "[]"))
	if err != nil {
		return who, "", fmt.Errorf("%q is not an IP address", before)
	}
	return who.Unmap(), after, nil
}
