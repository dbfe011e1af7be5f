package tlsrecord

import (
	"iter"

	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/keylog"
	"github.com/respsniff/respsniff/internal/tlsrecord/protect"
)

// searchState says how far the search for the keys of a connection is.
type searchState uint8

const (
	notSearched searchState = iota
	waiting                 // no key is known, but more may come
	found                   // keys were made
	failed                  // there are none, or they do not fit
)

// Why nothing is read of a connection.
const (
	noKeys      = "no key of it is known"
	wrongKeys   = "the key that is known of it does not fit"
	noHandshake = "its handshake is not whole in the capture, and no key that is known opens it"
	old         = "it began before the capture: the keys of TLS 1.2 need its handshake"
)

// maxTrials is how many times a key is tried on a record, over all connections that began before the capture: at 6 to 12 us
// each, six to thirteen seconds.
const maxTrials = 1 << 20

// recordsTried is how many records of a direction keys are tried on: the first ones may be damaged, or of the handshake, in which a
// server sends four records or five, each of which is encrypted.
const recordsTried = 8

// recordsPassed is how many records of a connection pass for its handshake's while its keys are looked for: those of both
// directions on which keys are tried.
const recordsPassed = 2 * recordsTried

// farthest is how far into a connection a record's sequence number is looked for by trial.
const farthest = 20_000

func newTrials(bounds *bound.Set) *bound.Bound {
	return bounds.New(bound.Bound{
		Name: "keys tried on TLS connections that began before the capture", Limit: maxTrials, Loses: bound.Evidence, Hides: "what was said on them",
	})
}

// fail gives up to read a connection.
func (c *conn) fail(reason string) {
	c.search, c.reason = failed, reason
	for k := range c.half {
		c.half[k].keys = nil
	}
}

// unlock looks for the key of a direction, for a record of it. It reports whether there is one to be tried.
func (s *Stage) unlock(c *conn, d *direction, r *record) bool {
	if c.search == failed || c.search == found && c.hello.server && c.hello.client {
		return false
	}
	h := &c.hello
	suite := protect.ByNumber(h.suite)
	switch {
	case h.server && !suite.Readable:
		c.fail("its cipher suite " + suite.Name + " is not read, as it has no AEAD")
		return false
	case s.keys == nil:
		c.reason = noKeys
		return false
	case h.server && h.version != tls13:
		return d.on && s.unlock12(c, d)
	case h.server && h.client:
		secrets, ok := s.keys.Find(h.clientRandom)
		if !ok {
			c.search, c.reason = waiting, noKeys
			return false
		}
		for side := range c.half {
			x := &c.half[side]
			x.keys = newKeys13(suite, secrets, x.isOf(c, true))
			x.other = newKeys13(suite, secrets.Other, x.isOf(c, true))
			if x.keys == nil {
				x.keys, x.other = x.other, nil
			}
		}
		if c.search = found; d.keys == nil {
			c.reason = noKeys
		}
		return d.keys != nil
	}
	return s.try(c, d, r)
}

// newKeys13 makes the keys of one side; nil: its secret is not known, or not of this suite.
func newKeys13(suite protect.Suite, s *keylog.Secrets, client bool) *protect.Keys {
	if s == nil {
		return nil
	}
	secret := s.Server
	if client {
		secret = s.Client
	}
	k, err := protect.New13(suite, secret)
	if err != nil {
		return nil
	}
	return k
}

// isOf reports whether a direction is the client's.
func (d *direction) isOf(c *conn, client bool) bool { return (d == &c.half[c.client]) == client }

// unlock12 makes the keys of TLS 1.2, once both randoms are known.
func (s *Stage) unlock12(c *conn, d *direction) bool {
	h := &c.hello
	if !h.client {
		c.fail(old)
		return false
	}
	var master, other []byte
	if secrets, ok := s.keys.Find(h.clientRandom); ok {
		if master = secrets.Master; secrets.Other != nil {
			other = secrets.Other.Master
		}
	}
	if master == nil && !h.full {
		if h.serverSession == h.clientSession {
			master = s.sessions.find(h.clientSession)
		}
		if master == nil {
			master = s.sessions.find(h.ticket)
		}
	}
	if master == nil {
		c.search, c.reason = waiting, noKeys
		return false
	}
	client, server, err := protect.New12(protect.ByNumber(h.suite), master, h.clientRandom[:], h.serverRandom[:])
	if err != nil {
		c.fail(wrongKeys)
		return false
	}
	c.half[c.client].keys, c.half[c.client.Other()].keys = client, server
	if other != nil {
		client, server, err = protect.New12(protect.ByNumber(h.suite), other, h.clientRandom[:], h.serverRandom[:])
		if err == nil {
			c.half[c.client].other, c.half[c.client.Other()].other = client, server
		}
	}
	c.search, c.master = found, master
	s.sessions.keep(h.serverSession, master)
	s.sessions.keep(h.newTicket, master)
	s.sessions.keep(h.ticket, master)
	return d.keys != nil
}

// try tries the keys of all connections of TLS 1.3 on a record, where the capture lacks the handshake or one side of it.
func (s *Stage) try(c *conn, d *direction, r *record) bool {
	if !r.whole() || d.tries >= recordsTried || r.head[0] != typeApplicationData {
		return false
	}
	d.tries++
	if c.reason = noHandshake; c.seen.version != 0 && c.seen.version != tls13 {
		c.fail(old)
		return false
	}
	for _, wide := range []bool{false, true} {
		for random, secrets := range s.candidates(c) {
			for _, client := range []bool{true, false} {
				if c.certain && d.isOf(c, true) != client {
					continue
				}
				secret := secrets.Server
				if client {
					secret = secrets.Client
				}
				k, seq, ok := s.fits(c, secret, r, wide)
				if !ok {
					continue
				}
				d.keys, d.seq, d.sure = k, seq, true
				c.search, c.random, c.reason = found, random, ""
				if s.used == nil {
					s.used = map[keylog.Random]bool{}
				}
				s.used[random] = true
				c.other(d).tries = 0
				if !c.certain {
					c.certain = true
					if c.client = sideOf(c, d); !client {
						c.client = c.client.Other()
					}
				}
				c.info.Version, c.info.Suite = versionName(tls13), k.Suite().Name
				return true
			}
			if s.trials.Hits > 0 {
				return false
			}
		}
	}
	if s.keys.Len() == 0 {
		c.reason = noKeys
	}
	return false
}

// seeks reports whether a record that no key opened may be of a handshake that the capture has in part: later ones may open, and all
// that it shows until then is a write that nobody can read. Both directions stop at one time, so that no reply is hidden whose command was
// seen.
func (s *Stage) seeks(c *conn, d *direction) bool {
	switch {
	case c.search == found && d.keys == nil && d.tries < recordsTried: // the server sent tickets before the client had finished
	case c.search != notSearched || c.passed == recordsPassed || s.keys == nil || s.trials.Hits > 0:
		return false
	case c.seen.version != 0 && c.seen.version != tls13:
		return false
	case c.hello.client:
		if _, ok := s.keys.Find(c.hello.clientRandom); !ok {
			return false
		}
	case s.keys.Len() <= len(s.used):
		return false
	}
	c.passed++
	return true
}

// candidates are the secrets that may be those of a connection: of the same client random where that is known, else all that did not open
// another one.
func (s *Stage) candidates(c *conn) iter.Seq2[keylog.Random, *keylog.Secrets] {
	random := c.random
	if c.hello.client {
		random = c.hello.clientRandom
	}
	return func(yield func(keylog.Random, *keylog.Secrets) bool) {
		if c.hello.client || c.search == found {
			if secrets, ok := s.keys.Find(random); ok {
				yield(random, secrets)
			}
			return
		}
		for random, secrets := range s.keys.All() {
			if !s.used[random] && !yield(random, secrets) {
				return
			}
		}
	}
}

// fits tries a secret on a record. Where the suite tells the sequence number of a record, that takes one trial for each of its keys; else
// few numbers are tried of all secrets before many are of each.
func (s *Stage) fits(c *conn, secret []byte, r *record, wide bool) (k *protect.Keys, seq uint64, ok bool) {
	for _, id := range suites13 {
		suite := protect.ByNumber(id)
		if c.hello.server && c.hello.suite != id {
			continue
		}
		k, err := protect.New13(suite, secret)
		if err != nil {
			continue // of another length
		}
		if k.TellsSequence() {
			more := 1
			if wide {
				k, more = k.Next(), generations-1
			}
			for {
				if s.tried++; !s.trials.Admits(s.tried) {
					return nil, 0, false
				}
				if seq, ok := k.Sequence(r.head, r.body); ok {
					return k, seq, true
				}
				if more--; more == 0 {
					break
				}
				k = k.Next()
			}
			continue
		}
		from, to := uint64(0), uint64(near)
		if wide {
			from, to = near, farthest
		}
		if s.tried += int(to-from) / searchedAtOnce; !s.trials.Admits(s.tried) {
			return nil, 0, false
		}
		if seq, ok := k.Search(r.head, r.body, from, to); ok {
			return k, seq, true
		}
		for g := 1; g < generations && wide; g++ {
			if s.tried += updated / searchedAtOnce; !s.trials.Admits(s.tried) {
				return nil, 0, false
			}
			k = k.Next()
			if seq, ok := k.Search(r.head, r.body, 0, updated); ok {
				return k, seq, true
			}
		}
	}
	return nil, 0, false
}

// updated is how far behind a KeyUpdate a record's sequence number is looked for by trial.
const updated = 1000

// generations is how many keys are tried of each secret: each KeyUpdate makes a new one, and they are rare.
const generations = 4

// near is how far records are looked for of all secrets first.
const near = 64

// searchedAtOnce is how many sequence numbers are tried in the time that another key takes.
const searchedAtOnce = 8

var suites13 = [...]uint16{0x1301, 0x1302, 0x1303}
