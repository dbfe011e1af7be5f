package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
)

// fingerprint names a finding so that a second recording of the same fault has the same name: the client by its address,
// the server by address and port, no client port, no time.
func fingerprint(rule string, id groupID) string {
	return hashed(rule, addrText(id.client), addrPortText(id.server), id.subject)
}

// fingerprintOf does so by names, of the ends that have one. No address has the sign before them.
func fingerprintOf(f *Finding) string {
	client, server := addrText(f.Client), addrPortText(f.Server)
	if f.ClientName != "" {
		client = "@" + f.ClientName
	}
	if f.ServerName != "" {
		server = "@" + f.ServerName
	}
	return hashed(f.Rule, client, server, f.Subject)
}

// FormerFingerprints returns the fingerprints that findings had before the server's port was part of them. Equal ones then
// had "-2", "-3", … from the second one on in the order of SortFindings. It serves old baselines only.
func FormerFingerprints(findings []Finding) []string {
	names := make([]string, len(findings))
	order := make([]int, len(findings))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compareFindings(&findings[a], &findings[b]) })
	times := map[string]int{}
	for _, i := range order {
		f := &findings[i]
		names[i] = hashed(f.Rule, addrText(f.Client), addrText(f.Server.Addr()), f.Subject)
		times[names[i]]++
		if n := times[names[i]]; n > 1 {
			names[i] += fmt.Sprintf("-%d", n)
		}
	}
	return names
}

func hashed(rule, client, server, subject string) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s|%s", rule, client, server, subject))
	return rule + "-" + hex.EncodeToString(h[:6])
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func addrPortText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// DisplayFilter returns a tshark display filter for the packets between two ends.
func DisplayFilter(client, server netip.AddrPort) string {
	if !client.IsValid() {
		return ""
	}
	field := "ip.addr"
	if client.Addr().Is6() && !client.Addr().Is4In6() {
		field = "ipv6.addr"
	}
	if client.Port() == 0 {
		return fmt.Sprintf("%s==%s", field, client.Addr())
	}
	if !server.IsValid() {
		return fmt.Sprintf("%s==%s && tcp.port==%d", field, client.Addr(), client.Port())
	}
	return fmt.Sprintf("%s==%s && tcp.port==%d && tcp.port==%d", field, client.Addr(), client.Port(), server.Port())
}
