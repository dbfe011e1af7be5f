package analysis

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Param returns the value of the rule's parameter: as the user gave it, else its default. An unknown name gives "".
func (r *Reporter) Param(name string) string {
	if v, ok := r.run.o.Params[strings.ToLower(r.d.ID)+"."+name]; ok && v != "" {
		return v
	}
	return r.defaultOf(name)
}

func (r *Reporter) defaultOf(name string) string {
	for _, p := range r.d.Params {
		if p.Name == name {
			return p.Default
		}
	}
	return ""
}

// Duration returns a parameter of the form "30s". What is no positive duration counts as not given.
func (r *Reporter) Duration(name string) time.Duration {
	if d, err := time.ParseDuration(r.Param(name)); err == nil && d > 0 {
		return d
	}
	d, _ := time.ParseDuration(r.defaultOf(name))
	return d
}

// Number returns a parameter that is a positive whole number. What is none counts as not given.
func (r *Reporter) Number(name string) int {
	if n, err := strconv.Atoi(r.Param(name)); err == nil && n > 0 {
		return n
	}
	n, _ := strconv.Atoi(r.defaultOf(name))
	return n
}

// Fingerprint returns the fingerprint of the finding that an occurrence belongs to.
func (r *Reporter) Fingerprint(o Occurrence) string {
	id := groupID{o.Client.Addr(), o.Server, o.Subject}
	if o.AnyServer {
		id.server = netip.AddrPort{}
	}
	if o.AnyClient {
		id.client = netip.Addr{}
	}
	return fingerprint(r.d.ID, id)
}
