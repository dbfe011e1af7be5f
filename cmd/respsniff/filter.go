package main

import (
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/capture"
)

// filterFlags choose what is shown. The same flag twice is OR, different flags are AND. What is known of a client
// group (policy, read timeout) still comes from the whole capture.
type filterFlags struct {
	servers, clients, cmds, keys, rules []string
	conns                               []int64
	since, until                        string
	around                              []string

	serverSet, clientSet []endpoint
	zone                 *time.Location
	windows              []window // resolved by begin
	resolved             bool
	chosen               map[parties]bool // of the connections that passed, if some are left out
}

// parties are the two sides of connections, whatever the client's ports.
type parties struct {
	client netip.Addr
	server netip.AddrPort
}

// window is a closed time interval.
type window struct{ from, to capture.Time }

// endpoint is an address, an address with a port, or a prefix.
type endpoint struct {
	prefix netip.Prefix
	port   uint16 // 0: any
}

// add adds the flags for commands that see connections.
func (f *filterFlags) add(cmd *cobra.Command, rules bool) {
	s := cmd.Flags()
	s.StringArrayVar(&f.servers, "server", nil, "only this server: `ADDR`, ADDR:PORT or prefix; repeatable")
	s.StringArrayVar(&f.clients, "client", nil, "only this client: `ADDR`, ADDR:PORT or prefix; repeatable")
	s.Int64SliceVar(&f.conns, "conn", nil, "only this connection `NUMBER`; repeatable")
	f.addWhat(cmd, rules)
}

// addFindings adds the flags for commands that see findings only.
func (f *filterFlags) addFindings(cmd *cobra.Command) { f.addWhat(cmd, true) }

func (f *filterFlags) addWhat(cmd *cobra.Command, rules bool) {
	s := cmd.Flags()
	s.StringArrayVar(&f.cmds, "cmd", nil, "only this `COMMAND`; repeatable")
	s.StringArrayVar(&f.keys, "key", nil, "only keys that match `GLOB`; repeatable")
	s.StringVar(&f.since, "since", "", "only from this `TIME` on: RFC 3339, what application logs print, or seconds since 1970")
	s.StringVar(&f.until, "until", "", "only up to this `TIME`")
	s.StringArrayVar(&f.around, "around", nil, "only around a time, `TIME+-DURATION`; repeatable")
	if rules {
		f.addRule(cmd)
	}
}

func (f *filterFlags) addRule(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.rules, "rule", nil, "only this `RULE` (RS101, or RS1 for all that begin so); repeatable")
}

// check reads the flags.
func (f *filterFlags) check(zone *time.Location) error {
	f.zone = zone
	var err error
	if f.serverSet, err = endpointsOf("--server", f.servers); err != nil {
		return err
	}
	if f.clientSet, err = endpointsOf("--client", f.clients); err != nil {
		return err
	}
	for _, glob := range f.keys {
		if _, err := path.Match(glob, ""); err != nil {
			return usagef("--key %s: not a glob: %v", glob, err)
		}
	}
	if slices.Contains(f.cmds, "") {
		return usagef("--cmd: want the name of a command")
	}
	for _, rule := range f.rules {
		known := func(d *analysis.Detector) bool { return ofRule(d.ID, rule) }
		if rule == "" || !slices.ContainsFunc(detectors.All(), known) {
			return usagef("--rule %s: want a rule id such as RS101; 'respsniff explain' lists them", rule)
		}
	}
	_, err = f.windowsFrom(capture.TimeOf(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)))
	return err
}

func endpointsOf(flag string, words []string) ([]endpoint, error) {
	var set []endpoint
	for _, w := range words {
		if p, err := netip.ParsePrefix(w); err == nil {
			set = append(set, endpoint{prefix: p.Masked()})
			continue
		}
		if a, err := netip.ParseAddr(strings.Trim(w, "[]")); err == nil {
			set = append(set, endpoint{prefix: netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())})
			continue
		}
		ap, err := netip.ParseAddrPort(w)
		if err != nil {
			return nil, usagef("%s %s: want an address, ADDR:PORT, [IPV6]:PORT or a prefix", flag, w)
		}
		a := ap.Addr().Unmap()
		set = append(set, endpoint{prefix: netip.PrefixFrom(a, a.BitLen()), port: ap.Port()})
	}
	return set, nil
}

func matchEndpoint(set []endpoint, a netip.AddrPort) bool {
	if len(set) == 0 {
		return true
	}
	return slices.ContainsFunc(set, func(e endpoint) bool {
		return e.prefix.Contains(a.Addr().Unmap()) && (e.port == 0 || e.port == a.Port())
	})
}

// active reports whether anything is left out.
func (f *filterFlags) active() bool {
	return f.choosesConnections() || len(f.cmds)+len(f.keys)+len(f.rules)+len(f.around) > 0 || f.since != "" || f.until != ""
}

// choosesConnections reports whether some connections are left out.
func (f *filterFlags) choosesConnections() bool {
	return len(f.conns)+len(f.clientSet)+len(f.serverSet) > 0
}

// connection reports whether events of this connection are wanted.
func (f *filterFlags) connection(id int64, client, server netip.AddrPort) bool {
	return (len(f.conns) == 0 || slices.Contains(f.conns, id)) &&
		matchEndpoint(f.clientSet, client) && matchEndpoint(f.serverSet, server)
}

// choose is connection, and notes who talks on a connection that is wanted.
func (f *filterFlags) choose(id int64, client, server netip.AddrPort) bool {
	if !f.connection(id, client, server) {
		return false
	}
	if f.chosen == nil {
		f.chosen = map[parties]bool{}
	}
	if len(f.chosen) < maxCensus {
		f.chosen[parties{client.Addr(), server}] = true
	}
	return true
}

// concerns reports whether a finding is about a client and a server of a wanted connection. Some rules judge the run as
// a whole, other connections included. What concerns no one in particular is about the capture itself.
func (f *filterFlags) concerns(x *analysis.Finding) bool {
	if !f.choosesConnections() || !x.Client.IsValid() && !x.Server.IsValid() {
		return true
	}
	for who := range f.chosen {
		if (!x.Client.IsValid() || x.Client == who.client) && (!x.Server.IsValid() || x.Server == who.server) {
			return true
		}
	}
	return false
}

// begin resolves times without a date by the first packet's day. It is called with the first moment known.
func (f *filterFlags) begin(first capture.Time) error {
	if f.resolved {
		return nil
	}
	f.resolved = true
	var err error
	if f.windows, err = f.windowsFrom(first); err != nil {
		return err
	}
	if w := f.windows[0]; len(f.around) == 0 && w.from > w.to {
		return usagef("--since %s is after --until %s", f.since, f.until)
	}
	return nil
}

func (f *filterFlags) windowsFrom(first capture.Time) ([]window, error) {
	all := window{-1 << 63, 1<<63 - 1}
	var err error
	if f.since != "" {
		if all.from, err = parseMoment(f.since, f.zone, first); err != nil {
			return nil, usagef("--since %s: %v", f.since, err)
		}
	}
	if f.until != "" {
		if all.to, err = parseMoment(f.until, f.zone, first); err != nil {
			return nil, usagef("--until %s: %v", f.until, err)
		}
	}
	if len(f.around) == 0 {
		return []window{all}, nil
	}
	var windows []window
	for _, spec := range f.around {
		at, width, ok := cutAround(spec)
		if !ok {
			return nil, usagef("--around %s: want TIME+-DURATION, such as 09:16:26.801+-5s", spec)
		}
		middle, err := parseMoment(at, f.zone, first)
		if err != nil {
			return nil, usagef("--around %s: %v", spec, err)
		}
		d, err := time.ParseDuration(width)
		if err != nil || d < 0 {
			return nil, usagef("--around %s: %q is not a duration such as 5s", spec, width)
		}
		windows = append(windows, window{max(all.from, middle.Add(-d)), min(all.to, middle.Add(d))})
	}
	return windows, nil
}

func cutAround(spec string) (at, width string, ok bool) {
	for _, sep := range []string{"±", "+-", "+/-"} {
		if at, width, ok = strings.Cut(spec, sep); ok {
			return strings.TrimSpace(at), strings.TrimSpace(width), true
		}
	}
	return "", "", false
}

// overlaps reports whether [from, to] lies in a wanted window, wholly or in part.
func (f *filterFlags) overlaps(from, to capture.Time) bool {
	return slices.ContainsFunc(f.windows, func(w window) bool { return from <= w.to && to >= w.from })
}

// exchange reports whether a row of pairs is wanted; name and key are as the row shows them.
func (f *filterFlags) exchange(name, key string, at capture.Time) bool {
	return f.command(name) && f.key(key) && f.overlaps(at, at)
}

func (f *filterFlags) command(name string) bool {
	return len(f.cmds) == 0 || slices.ContainsFunc(f.cmds, func(c string) bool {
		return strings.EqualFold(c, name) || strings.HasPrefix(strings.ToUpper(name), strings.ToUpper(c)+" ")
	})
}

// key matches as Redis does, where '/' is an ordinary character.
func (f *filterFlags) key(key string) bool {
	return len(f.keys) == 0 || key != "" && slices.ContainsFunc(f.keys, func(glob string) bool {
		const slash = "\x00" // path.Match gives '/' a meaning; no printable key holds NUL
		ok, _ := path.Match(strings.ReplaceAll(glob, "/", slash), strings.ReplaceAll(key, "/", slash))
		return ok
	})
}

// finding reports whether a finding is wanted. Commands and keys are looked for among its tallies and examples.
func (f *filterFlags) finding(x *analysis.Finding) bool {
	if !f.rule(x.Rule) {
		return false
	}
	if x.First != 0 && !f.overlaps(x.First, x.Last) || !f.concerns(x) {
		return false
	}
	if len(f.cmds) > 0 && !slices.ContainsFunc(x.Commands, func(t analysis.Tally) bool { return f.command(t.Label) }) &&
		!anyVictim(x, func(v *analysis.Victim) bool { return f.command(v.Command) }) {
		return false
	}
	return len(f.keys) == 0 || anyVictim(x, func(v *analysis.Victim) bool { return f.key(v.Key) })
}

// rule reports whether findings of a rule are wanted.
func (f *filterFlags) rule(id string) bool {
	return len(f.rules) == 0 || slices.ContainsFunc(f.rules, func(word string) bool { return ofRule(id, word) })
}

// ofRule reports whether a rule is the one that the word names, or of its family.
func ofRule(id, word string) bool { return strings.HasPrefix(id, strings.ToUpper(word)) }

func anyVictim(x *analysis.Finding, match func(*analysis.Victim) bool) bool {
	for i := range x.Examples {
		for j := range x.Examples[i].Victims {
			if match(&x.Examples[i].Victims[j]) {
				return true
			}
		}
	}
	return false
}
