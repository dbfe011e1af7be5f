// Package filter chooses what of a run is shown: connections, commands, times and rules.
package filter

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// Filter chooses what is shown. Two values of one field are alternatives, different fields must all agree. What is known
// of a client group (policy, read timeout) still comes from the whole capture. The zero value leaves nothing out.
//
// Prepare comes first, then Begin, then the questions.
type Filter struct {
	Servers, Clients []string // ADDR, ADDR:PORT or prefix
	Conns            []int64
	Cmds, Keys       []string // keys are globs
	Rules            []string // "RS101", or the beginning of several
	Since, Until     string
	Around           []string // TIME+-DURATION

	serverSet, clientSet []endpoint
	zone                 *time.Location
	windows              []window // resolved by Begin
	resolved             bool
	chosen               map[parties]bool // of the connections that were wanted, if some are left out
	bounds               bound.Set
	limit                *bound.Bound // of chosen
}

// maxChosen bounds the pairs of a client and a server that are remembered as chosen.
const maxChosen = 1 << 16

// parties are the two sides of connections, whatever the client's ports.
type parties struct {
	client netip.Addr
	server netip.AddrPort
}

// Prepare reads the fields. Times without a zone are in zone. Errors name the flag that is wrong.
func (f *Filter) Prepare(zone *time.Location) error {
	f.zone = zone
	var err error
	if f.serverSet, err = endpointsOf("--server", f.Servers); err != nil {
		return err
	}
	if f.clientSet, err = endpointsOf("--client", f.Clients); err != nil {
		return err
	}
	for _, glob := range f.Keys {
		if _, err := path.Match(glob, ""); err != nil {
			return fmt.Errorf("--key %s: not a glob: %v", glob, err)
		}
	}
	if slices.Contains(f.Cmds, "") {
		return fmt.Errorf("--cmd: want the name of a command")
	}
	for _, rule := range f.Rules {
		known := func(d *analysis.Detector) bool { return ofRule(d.ID, rule) }
		if rule == "" || !slices.ContainsFunc(detectors.All(), known) {
			return fmt.Errorf("--rule %s: want a rule id such as RS101; 'respsniff explain' lists them", rule)
		}
	}
	_, err = f.windowsFrom(capture.TimeOf(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)))
	return err
}

// Active reports whether anything is left out.
func (f *Filter) Active() bool {
	return f.ChoosesConnections() || len(f.Cmds)+len(f.Keys)+len(f.Rules)+len(f.Around) > 0 || f.Since != "" || f.Until != ""
}

// ChoosesConnections reports whether some connections are left out.
func (f *Filter) ChoosesConnections() bool {
	return len(f.Conns)+len(f.clientSet)+len(f.serverSet) > 0
}

// ChoseNone reports whether connections are chosen and none of those that were seen was wanted.
func (f *Filter) ChoseNone() bool { return f.ChoosesConnections() && len(f.chosen) == 0 }

// Connection reports whether events of this connection are wanted.
func (f *Filter) Connection(id int64, client, server netip.AddrPort) bool {
	return (len(f.Conns) == 0 || slices.Contains(f.Conns, id)) &&
		matchEndpoint(f.clientSet, client) && matchEndpoint(f.serverSet, server)
}

// choose is Connection, and notes who talks on a connection that is wanted.
func (f *Filter) choose(id int64, client, server netip.AddrPort) bool {
	if !f.Connection(id, client, server) {
		return false
	}
	if f.chosen == nil {
		f.chosen = map[parties]bool{}
		f.limit = f.bounds.New(bound.Bound{
			Name: "chosen pairs of client and server", Limit: maxChosen, Hides: "findings of further chosen pairs", Loses: bound.Evidence,
		})
	}
	if who := (parties{client.Addr(), server}); !f.chosen[who] && f.limit.Admits(len(f.chosen)) {
		f.chosen[who] = true
	}
	return true
}

// Bounds returns the limits of what the filter remembers.
func (f *Filter) Bounds() *bound.Set { return &f.bounds }

// concerns reports whether a finding is about a client and a server of a wanted connection. Some rules judge the run as
// a whole, other connections included. What concerns no one in particular is about the capture itself.
func (f *Filter) concerns(x *incident.Finding) bool {
	if !f.ChoosesConnections() || !x.Client.IsValid() && !x.Server.IsValid() {
		return true
	}
	for who := range f.chosen {
		if (!x.Client.IsValid() || x.Client == who.client) && (!x.Server.IsValid() || x.Server == who.server) {
			return true
		}
	}
	return false
}

// Exchange reports whether a command with its reply is wanted; name and key are as its row shows them.
func (f *Filter) Exchange(name, key string, at capture.Time) bool {
	return f.Command(name) && f.Key(key) && f.Overlaps(at, at)
}

// Command reports whether a command is wanted.
func (f *Filter) Command(name string) bool {
	return len(f.Cmds) == 0 || slices.ContainsFunc(f.Cmds, func(c string) bool {
		return strings.EqualFold(c, name) || strings.HasPrefix(strings.ToUpper(name), strings.ToUpper(c)+" ")
	})
}

// Key reports whether a key is wanted. Globs match as in Redis, where '/' is an ordinary character.
func (f *Filter) Key(key string) bool {
	return len(f.Keys) == 0 || key != "" && slices.ContainsFunc(f.Keys, func(glob string) bool {
		const slash = "\x00" // path.Match gives '/' a meaning; no printable key holds NUL
		ok, _ := path.Match(strings.ReplaceAll(glob, "/", slash), strings.ReplaceAll(key, "/", slash))
		return ok
	})
}

// Finding reports whether a finding is wanted. Commands and keys are looked for among its tallies and examples.
func (f *Filter) Finding(x *incident.Finding) bool {
	if !f.Rule(x.Rule) {
		return false
	}
	if x.First != 0 && !f.Overlaps(x.First, x.Last) || !f.concerns(x) {
		return false
	}
	if len(f.Cmds) > 0 && !slices.ContainsFunc(x.Commands, func(t incident.Tally) bool { return f.Command(t.Label) }) &&
		!anyVictim(x, func(v *pairing.Victim) bool { return f.Command(v.Command) }) {
		return false
	}
	return len(f.Keys) == 0 || anyVictim(x, func(v *pairing.Victim) bool { return f.Key(v.Key) })
}

// Rule reports whether findings of a rule are wanted.
func (f *Filter) Rule(id string) bool {
	return len(f.Rules) == 0 || slices.ContainsFunc(f.Rules, func(word string) bool { return ofRule(id, word) })
}

// ofRule reports whether a rule is the one that the word names, or of its family.
func ofRule(id, word string) bool { return strings.HasPrefix(id, strings.ToUpper(word)) }

func anyVictim(x *incident.Finding, match func(*pairing.Victim) bool) bool {
	for i := range x.Examples {
		for j := range x.Examples[i].Victims {
			if match(&x.Examples[i].Victims[j]) {
				return true
			}
		}
	}
	return false
}
