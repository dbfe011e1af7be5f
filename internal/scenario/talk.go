package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How fast the two ends are where a statement has no time.
const (
	serviceTime = 50 * time.Microsecond  // server: from a request to its reply
	thinkTime   = 100 * time.Microsecond // client: from a reply to the next request
	followTime  = 10 * time.Microsecond  // anything that waits for nothing
	segmentTime = 2 * time.Microsecond   // between the segments of one write
)

// talk reads a conversation statement behind the connection's name.
func (p *parser) talk(c *connection, fs []string, timed bool) {
	a := newAction(c, client)
	for len(fs) > 0 && fs[0] != ">" && fs[0] != "<" {
		if err := a.modify(fs[0]); err != nil {
			p.fail("%v", err)
			return
		}
		fs = fs[1:]
	}
	if len(fs) < 2 {
		p.fail("%s > what, or %s < what?", c.name, c.name)
		return
	}
	if fs[0] == "<" {
		a.from = server
	}
	fs = fs[1:]
	var answer []string
	wait := time.Duration(-1)
	if i := slices.IndexFunc(fs, func(f string) bool { return strings.HasPrefix(f, "=>") }); i >= 0 && a.from == client {
		answer = fs[i+1:]
		if rest := fs[i][2:]; rest != "" {
			d, err := time.ParseDuration(rest)
			if err != nil || d < 0 {
				p.fail("=>%s is not a duration", rest)
				return
			}
			wait = d
		}
		if fs = fs[:i]; len(fs) == 0 || len(answer) == 0 {
			p.fail("a request stands before => and a reply behind it")
			return
		}
	}
	if err := p.fill(&a, fs); err != nil {
		p.fail("%v", err)
		return
	}
	if a.kind != actData && answer != nil {
		p.fail("=> needs a request")
		return
	}
	p.do(a, timed)
	if answer == nil {
		return
	}
	r := newAction(c, server)
	var err error
	if r.payload, err = replies(answer, &p.budget); err != nil {
		p.fail("%v", err)
		return
	}
	if wait >= 0 {
		p.clock += wait
	}
	p.do(r, wait >= 0)
}

// fill reads what is sent.
func (p *parser) fill(a *action, fs []string) (err error) {
	only := func(k kind) error {
		if a.kind = k; len(fs) > 1 {
			return fmt.Errorf("%s takes no arguments", fs[0])
		}
		return nil
	}
	switch fs[0] {
	case "SYN":
		if a.from == server {
			return fmt.Errorf("the client sends the SYN; its answer is made by itself")
		}
		a.kind = actSYN
		if len(fs) > 1 {
			switch fs[1] {
			case "refused":
				a.kind = actRefusedSYN
			case "unanswered":
				a.kind = actUnansweredSYN
			default:
				return fmt.Errorf("SYN is refused, unanswered, or nothing else")
			}
		}
		a.conn.synSeen = true
		return nil
	case "FIN":
		return only(actFIN)
	case "ACK":
		return only(actACK)
	case "keepalive":
		return only(actKeepalive)
	case "RST":
		if a.kind = actRST; len(fs) > 1 {
			if fs[1] != "bare" {
				return fmt.Errorf("RST is bare or nothing else")
			}
			a.kind = actBareRST
		}
		return nil
	case "window":
		a.kind = actACK
		if len(fs) != 2 {
			return fmt.Errorf("window takes a number of bytes")
		}
		if a.window, err = strconv.Atoi(fs[1]); err != nil || a.window < 0 || a.window > 65535<<windowScale {
			return fmt.Errorf("window %s: not a number of bytes", fs[1])
		}
		return nil
	case "again":
		a.kind = actAgain
		if len(fs) > 1 {
			if a.number, err = strconv.Atoi(fs[1]); err != nil || a.number < 1 {
				return fmt.Errorf("again %s: not a segment's number", fs[1])
			}
		}
		return nil
	}
	count := 0
	if a.from == server {
		a.payload, err = replies(fs, &p.budget)
	} else {
		a.payload, count, err = requests(fs, &p.budget)
	}
	if err != nil {
		return err
	}
	if a.partFrom > 0 || a.partTo >= 0 {
		to := a.partTo
		if to < 0 {
			to = len(a.payload)
		}
		if a.partFrom > to || to > len(a.payload) {
			return fmt.Errorf("part=%d..%d of %d bytes", a.partFrom, to, len(a.payload))
		}
		a.payload = a.payload[a.partFrom:to]
		if a.partFrom > 0 {
			count = 0
		}
	}
	if len(a.payload) == 0 {
		return fmt.Errorf("nothing is sent")
	}
	if count > 0 {
		a.command = a.conn.commands + 1
		a.conn.commands += count
	}
	return nil
}

// do gives an action its time and puts it on the list.
func (p *parser) do(a action, timed bool) {
	c := a.conn
	if !timed {
		soonest := p.clock
		if !p.exact {
			soonest += followTime
		}
		if c.used {
			gap := followTime
			if c.lastFrom != a.from {
				gap = thinkTime
				if a.from == server {
					gap = serviceTime
				}
				if a.from != p.s.vantage {
					gap += c.rtt
				}
			}
			soonest = max(soonest, c.lastAt+gap)
		}
		p.clock = soonest
	}
	a.at = p.clock
	p.exact = false
	if !c.used || a.at < c.firstAt {
		c.firstAt = a.at
	}
	p.s.actions = append(p.s.actions, a)
	if n := len(a.payload); n > 0 {
		p.clock += time.Duration(segmentCount(&a)-1) * segmentTime
	}
	if a.kind == actSYN {
		p.clock += c.rtt + 2*kernelTime
	}
	c.used, c.lastFrom, c.lastAt = true, a.from, p.clock
	if a.kind == actSYN {
		c.lastFrom = client
	}
}
