package scenario

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxPayload bounds the stream bytes of all connections together.
const maxPayload = 1 << 30

// parser turns text into a Scenario. The first error ends it.
type parser struct {
	s        *Scenario
	err      error
	line     int
	left     int           // statements that may still come
	budget   int           // payload bytes that may still come
	clock    time.Duration // the time of the statement before
	hosts    hosts
	byName   map[string]*connection
	defaults connOptions
	noted    map[int]bool // lines whose comment has been read: a loop says it once
	exact    bool         // the clock was set by hand: the next statement may stand at that very time
}

// Parse reads a scenario. name stands in errors, which are *Error.
func Parse(name string, src []byte) (*Scenario, error) {
	return parse(name, src, maxStatements, maxPayload)
}

func parse(name string, src []byte, statements, payload int) (*Scenario, error) {
	if bytes.IndexByte(src, 0) >= 0 || !utf8.Valid(src) {
		return nil, fmt.Errorf("%s: is no text: a scenario was expected", name) // a capture, say, which must not be printed
	}
	p := &parser{
		s: &Scenario{
			Name:    name,
			Options: map[string]string{},
			base:    time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		},
		left:     statements,
		budget:   payload,
		hosts:    hosts{},
		byName:   map[string]*connection{},
		defaults: defaultOptions(),
		noted:    map[int]bool{},
		exact:    true,
	}
	body, line, err := split(string(src))
	if p.line = line; err != nil {
		p.fail("%v", err)
	} else {
		p.run(body, nil)
	}
	if p.err != nil {
		return nil, p.err
	}
	for _, c := range p.s.conns {
		p.s.Conns = append(p.s.Conns, Conn{c.name, c.ends[client], c.ends[server], c.commands})
	}
	for _, r := range slices.Concat(p.s.Believes, p.s.Serves) {
		p.line = r.Line
		if c, ok := p.byName[r.Conn]; !ok || r.Command > c.commands || r.Reply > c.commands {
			p.fail("%s has no such command", r.Conn)
			return nil, p.err
		}
	}
	for _, w := range p.s.Wants {
		if _, ok := p.byName[w.Conn]; w.Conn != "" && !ok {
			p.line = w.Line
			p.fail("connection %q is not declared", w.Conn)
			return nil, p.err
		}
		p.s.Silent = p.s.Silent || w.Rule == "none" && w.Conn == ""
	}
	return p.s, nil
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = &Error{p.s.Name, p.line, fmt.Sprintf(format, args...)}
	}
}

// statement carries out one line that is no block.
func (p *parser) statement(text, comment string) {
	if text == "" {
		p.note(comment, nil)
		return
	}
	fs, err := fields(text)
	if err != nil {
		p.fail("%v", err)
		return
	}
	timed := false
	if t, ok := p.time(fs[0]); ok {
		p.clock, timed = t, true
		fs = fs[1:]
	}
	if len(fs) == 0 {
		p.fail("a time without a statement")
		return
	}
	if c, ok := p.byName[fs[0]]; ok {
		mark := len(p.s.actions)
		p.talk(c, fs[1:], timed)
		if p.err == nil && len(p.s.actions) > mark {
			p.note(comment, &p.s.actions[mark])
		}
		return
	}
	if timed {
		p.fail("%q is not a connection", fs[0])
		return
	}
	p.header(fs[0], fs[1:])
	p.note(comment, nil)
}

// note reads a comment that says what must be reported because of action a, or at all where a is nil. A comment on a
// line inside a loop counts once, for the first round.
func (p *parser) note(comment string, a *action) {
	rest, ok := strings.CutPrefix(comment, "want ")
	if !ok || p.noted[p.line] {
		return
	}
	p.noted[p.line] = true
	on := Want{Line: p.line}
	if a != nil {
		on.Conn, on.Command, on.Time = a.conn.name, a.command, p.s.Time(a.at)
	}
	wants, err := readWants(rest, on)
	if err != nil {
		p.fail("%v", err)
	}
	p.s.Wants = append(p.s.Wants, wants...)
}

// time reads 12.5 (since the start) or +5ms (since the statement before).
func (p *parser) time(word string) (time.Duration, bool) {
	if rest, ok := strings.CutPrefix(word, "+"); ok {
		d, err := time.ParseDuration(rest)
		return p.clock + d, err == nil && d >= 0
	}
	if word == "" || word[0] < '0' || word[0] > '9' {
		return 0, false
	}
	whole, part, _ := strings.Cut(word, ".")
	secs, err := strconv.ParseInt(whole, 10, 32)
	if err != nil || len(part) > 9 {
		return 0, false
	}
	nanos, err := strconv.ParseUint((part + "000000000")[:9], 10, 32)
	if err != nil {
		return 0, false
	}
	return time.Duration(secs)*time.Second + time.Duration(nanos), true
}

// header carries out a statement that is not part of a conversation.
func (p *parser) header(key string, args []string) {
	one := func() string {
		if len(args) != 1 {
			p.fail("%s takes one argument", key)
			return ""
		}
		return args[0]
	}
	switch key {
	case "host":
		if len(args) != 2 {
			p.fail("host takes a name and an address")
			return
		}
		a, err := netip.ParseAddr(args[1])
		if err != nil {
			p.fail("host %s: %q is not an address", args[0], args[1])
		}
		p.hosts[args[0]] = a
	case "conn", "client":
		p.conn(args)
	case "rtt", "ttl", "mss", "window", "acks", "isn":
		if err := p.defaults.set(key, one()); err != nil {
			p.fail("%v", err)
		}
	case "link":
		l, ok := linkStyles[one()]
		if !ok && p.err == nil {
			p.fail("unknown link %q", args[0])
		}
		p.s.link = l
	case "vantage":
		switch one() {
		case "client":
			p.s.vantage = client
		case "server":
			p.s.vantage = server
		default:
			p.fail("vantage is client or server")
		}
	case "base":
		t, err := time.Parse(time.RFC3339Nano, one())
		if err != nil {
			p.fail("base: not an RFC 3339 time")
		}
		p.s.base = t
	case "wait":
		d, err := time.ParseDuration(one())
		if err != nil || d < 0 {
			p.fail("wait: not a duration")
		}
		p.clock += d
		p.exact = true
	case "read-timeout":
		p.s.ReadTimeouts = append(p.s.ReadTimeouts, args...)
	case "policy":
		p.s.Policies = append(p.s.Policies, args...)
	case "option":
		k, v, ok := strings.Cut(one(), "=")
		if !ok {
			p.fail("option takes KEY=VALUE")
		}
		p.s.Options[k] = v
	case "damage":
		d, err := ParseDamage(strings.Join(args, " "))
		if err != nil {
			p.fail("%v", err)
			return
		}
		p.s.damages = append(p.s.damages, d)
	case "silent":
		p.s.Silent = true
		if len(args) > 0 {
			p.fail("silent takes no arguments: use allow")
		}
	case "allow":
		for _, r := range args {
			if !ruleID().MatchString(r) {
				p.fail("%q is not a rule", r)
			}
		}
		p.s.Allow = append(p.s.Allow, args...)
	case "want":
		p.note("want "+strings.Join(args, " "), nil)
	case "believes", "serves":
		r, err := readPairing(key, args)
		if r.Line = p.line; err != nil {
			p.fail("%v", err)
		} else if key == "believes" {
			p.s.Believes = append(p.s.Believes, r)
		} else {
			p.s.Serves = append(p.s.Serves, r)
		}
	default:
		p.fail("%q is neither a connection nor a statement", key)
	}
}
