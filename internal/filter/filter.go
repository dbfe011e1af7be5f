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
	"github.com/respsniff/respsniff/internal/report"
)

// Filter chooses what is shown. Two values of one field are alternatives, different fields must all agree. What is known
// of a client group (policy, read timeout) still comes from the whole capture. The zero value leaves nothing out.
//
// Prepare comes first, then Begin, then the questions.
type Filter struct {
	Servers, Clients []string // ADDR, ADDR:PORT or prefix
	Conns            []int64
	Cmds, Keys       []string // keys are globs
	Rules, NotRules  []string // "RS101", "dirty-reuse", or the beginning of several IDs: "RS1"
	MinSeverity      string   // a severity's word; "": all
	Since, Until     string
	Around           []string // TIME+-DURATION

	serverSet, clientSet []endpoint
	ruleSet, notRuleSet  map[string]bool // IDs that Rules and NotRules choose
	least                incident.Severity
	zone                 *time.Location
	windows              []window // resolved by Begin
	resolved             bool
	chosen               map[parties]bool // of the connections that were wanted, if some are left out
	bounds               bound.Set
	limit                *bound.Bound    // of chosen
	left                 report.Filtered // what events of connections were left out
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
	if f.ruleSet, err = rulesOf("--rule", f.Rules); err != nil {
		return err
	}
	if f.notRuleSet, err = rulesOf("--not-rule", f.NotRules); err != nil {
		return err
	}
	f.least = incident.Info
	if f.MinSeverity != "" {
		var ok bool
		if f.least, ok = incident.ParseSeverity(f.MinSeverity); !ok {
			return fmt.Errorf("--min-severity %s: want info, low, medium, high or critical", f.MinSeverity)
		}
	}
	_, err = f.windowsFrom(capture.TimeOf(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)))
	return err
}

// Active reports whether anything is left out.
func (f *Filter) Active() bool {
	return len(f.flags()) > 0
}

// ChoosesConnections reports whether some connections are left out.
func (f *Filter) ChoosesConnections() bool {
	return len(f.Conns)+len(f.clientSet)+len(f.serverSet) > 0
}

// ChoosesCommands reports whether some commands of connections that are wanted are left out.
func (f *Filter) ChoosesCommands() bool {
	return len(f.Cmds)+len(f.Keys)+len(f.Around) > 0 || f.Since != "" || f.Until != ""
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
	if !f.Rule(x.Rule) || x.Severity < f.least {
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

// Rule reports whether findings of a rule are wanted, whatever their severity.
func (f *Filter) Rule(id string) bool {
	return (f.ruleSet == nil || f.ruleSet[id]) && !f.notRuleSet[id]
}

// Expects reports whether a rule is wanted, with the severity that it declares.
func (f *Filter) Expects(d *analysis.Detector) bool { return f.Rule(d.ID) && d.Severity >= f.least }

// rulesOf returns the IDs that the words of a flag choose; nil without words.
func rulesOf(flag string, words []string) (map[string]bool, error) {
	var ids map[string]bool
	for _, word := range words {
		chosen, err := detectors.Select(word)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		if ids == nil {
			ids = map[string]bool{}
		}
		for _, d := range chosen {
			ids[d.ID] = true
		}
	}
	return ids, nil
}

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
