package tcpdump

import (
	"bytes"
	"time"
)

// stampKind says which of tcpdump's -t options printed a time.
type stampKind uint8

const (
	stampNone  stampKind = iota // -t
	stampClock                  // time of day, the default; also -ttt and -ttttt
	stampEpoch                  // -tt
	stampDate                   // -tttt
)

// stamp is a printed time.
type stamp struct {
	kind     stampKind
	negative bool          // a difference below zero
	seconds  int64         // since the epoch, for stampEpoch
	date     [3]int        // year, month, day, for stampDate
	clock    time.Duration // since midnight, or the fraction for stampEpoch
}

// Times turns the printed times of one text into moments.
type Times struct {
	note func(string) // takes what had to be assumed
	loc  *time.Location
	day  time.Time // midnight of the day that times of day belong to
	seen bool      // a header line was found
	kind stampKind // of the first

	relative relativeTimes
	previous time.Duration // clock of the line before
	at       time.Time     // of the line before, for differences
}

// relativeTimes says what times of day beginning with zero are.
type relativeTimes uint8

const (
	notRelative   relativeTimes = iota
	sincePrevious               // -ttt
	sinceFirst                  // -ttttt
)

// NewTimes begins a text. loc is the zone of its times, which it does not give, and day the day of those without one; nil
// is UTC and the zero day is 1970-01-01. note takes, in words, what had to be assumed.
func NewTimes(loc *time.Location, day time.Time, note func(string)) *Times {
	if loc == nil {
		loc = time.UTC
	}
	if day.IsZero() {
		day = time.Date(1970, 1, 1, 0, 0, 0, 0, loc)
	} else {
		day = time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, loc)
	}
	return &Times{note: note, loc: loc, day: day, at: time.Unix(0, 0)}
}

// Header recognises a packet's header line. A line that begins with a time is taken even if what follows is not known,
// because hex lines may follow; a line without a time only if the first one had none either.
func (t *Times) Header(line []byte) (Header, bool) {
	text := bytes.TrimLeft(line, " \t")
	s, rest, ok := parseStamp(text)
	if !ok {
		// Option -# puts the number of the packet first.
		if number, after := digits(text); number > 0 && bytes.HasPrefix(after, []byte(" ")) {
			after = bytes.TrimLeft(after, " ")
			if s, rest, ok = parseStamp(after); !ok {
				text = after
			}
		}
	}
	if ok {
		return Header{s, packetWords(bytes.TrimLeft(rest, " "))}, true
	}
	if t.seen && t.kind != stampNone || !packetWords(text) {
		return Header{}, false
	}
	return Header{stamp{}, true}, true
}

// Resolve gives the moment of a header line. ahead is the text from this line on, as far as it is known, and is only
// looked at for the first line.
func (t *Times) Resolve(h Header, ahead []byte) time.Time {
	s := h.stamp
	first := !t.seen
	if first && h.Sure {
		t.seen, t.kind = true, s.kind
		t.begin(s, ahead)
	}
	switch s.kind {
	case stampEpoch:
		t.at = time.Unix(s.seconds, int64(s.clock))
	case stampDate:
		day := time.Date(s.date[0], time.Month(s.date[1]), s.date[2], 0, 0, 0, 0, t.loc)
		t.at = onDay(day, s.clock, t.loc)
	case stampClock:
		t.clock(s)
	}
	return t.at
}

// begin notes what the first line leaves to assume.
func (t *Times) begin(s stamp, ahead []byte) {
	switch s.kind {
	case stampNone:
		t.note("text without times (tcpdump -t): every packet is at the same moment")
		t.at = t.day
	case stampClock:
		if s.clock == 0 {
			t.relative = guessRelative(ahead)
			t.at = t.day
			t.note("times are relative (tcpdump -ttt or -ttttt): counted from " + t.day.Format("2006-01-02 MST"))
			return
		}
		t.note("times without a date: " + t.day.Format("2006-01-02 MST") + " is assumed")
	case stampDate:
		if t.loc == time.UTC {
			t.note("times without a zone are taken as UTC")
		}
	}
}

// clock places a time of day: after midnight the next day begins.
func (t *Times) clock(s stamp) {
	d := s.clock
	if s.negative {
		d = -d
	}
	switch t.relative {
	case sincePrevious:
		t.at = t.at.Add(d)
		return
	case sinceFirst:
		t.at = t.day.Add(d)
		return
	}
	const half = 12 * time.Hour
	switch {
	case t.previous-d > half:
		t.day = t.day.AddDate(0, 0, 1)
	case d-t.previous > half && t.previous != 0:
		// A packet out of order across midnight; the day was counted up for its neighbour.
		t.at = onDay(t.day.AddDate(0, 0, -1), d, t.loc)
		return
	}
	t.previous = d
	t.at = onDay(t.day, d, t.loc)
}

// onDay is a wall clock reading: on the days when clocks are put forward or back it is not midnight plus clock.
func onDay(day time.Time, clock time.Duration, loc *time.Location) time.Time {
	s, ns := int(clock/time.Second), int(clock%time.Second)
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, s, ns, loc)
}

// guessRelative separates differences to the line before, which vary, from those to the first, which only grow.
func guessRelative(ahead []byte) relativeTimes {
	const enough = 4 // header lines that only grow
	last, grown := time.Duration(-1), 0
	for line := range bytes.Lines(ahead) {
		s, rest, ok := parseStamp(bytes.TrimLeft(line, " \t"))
		if !ok || s.kind != stampClock || !packetWords(bytes.TrimLeft(rest, " ")) {
			continue
		}
		if s.negative || s.clock < last {
			return sincePrevious
		}
		last = s.clock
		grown++
	}
	if grown > enough {
		return sinceFirst
	}
	return sincePrevious
}

// parseStamp reads one of "2019-05-26 09:16:24.508718 ", "09:16:24.508718 ", "1558833384.508718 ".
func parseStamp(b []byte) (stamp, []byte, bool) {
	var s stamp
	if len(b) > 0 && b[0] == '-' {
		s.negative = true
		b = b[1:]
	}
	n, rest := digits(b)
	switch {
	case n == 4 && len(rest) >= 7 && rest[0] == '-' && rest[3] == '-':
		y, _ := number(b[:4])
		m, ok1 := number(rest[1:3])
		d, ok2 := number(rest[4:6])
		if !ok1 || !ok2 || m < 1 || m > 12 || d < 1 || d > 31 || rest[6] != ' ' && rest[6] != 'T' {
			return s, nil, false
		}
		s.kind, s.date = stampDate, [3]int{int(y), int(m), int(d)}
		b = bytes.TrimLeft(rest[7:], " ")
		var ok bool
		s.clock, rest, ok = parseClock(b)
		return s, rest, ok
	case n == 2:
		var ok bool
		s.kind = stampClock
		s.clock, rest, ok = parseClock(b)
		return s, rest, ok
	case n > 0 && n <= 11 && len(rest) > 0 && rest[0] == '.':
		sec, _ := number(b[:n])
		frac, after, ok := fraction(rest)
		if !ok || len(after) == 0 || after[0] != ' ' {
			return s, nil, false
		}
		s.kind, s.seconds, s.clock = stampEpoch, sec, frac
		return s, after, true
	}
	return s, nil, false
}

// parseClock reads hh:mm:ss with an optional fraction, followed by a blank.
func parseClock(b []byte) (time.Duration, []byte, bool) {
	const size = len("hh:mm:ss")
	if len(b) <= size || b[2] != ':' || b[5] != ':' {
		return 0, nil, false
	}
	h, ok1 := number(b[:2])
	m, ok2 := number(b[3:5])
	s, ok3 := number(b[6:8])
	if !ok1 || !ok2 || !ok3 || m > 59 || s > 60 {
		return 0, nil, false
	}
	frac, rest, ok := fraction(b[size:])
	if !ok || len(rest) == 0 || rest[0] != ' ' {
		return 0, nil, false
	}
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
	return d + frac, rest, true
}

// fraction reads ".508718" of up to nine digits, or nothing.
func fraction(b []byte) (time.Duration, []byte, bool) {
	if len(b) == 0 || b[0] != '.' {
		return 0, b, true
	}
	n, rest := digits(b[1:])
	if n == 0 || n > 9 {
		return 0, nil, false
	}
	v, _ := number(b[1 : 1+n])
	for range 9 - n {
		v *= 10
	}
	return time.Duration(v), rest, true
}

// digits counts the decimal digits at the start of b.
func digits(b []byte) (int, []byte) {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n, b[n:]
}

// number reads b, all of it decimal digits and at most 18.
func number(b []byte) (int64, bool) {
	if n, _ := digits(b); n != len(b) || n == 0 || n > 18 {
		return 0, false
	}
	var v int64
	for _, c := range b {
		v = v*10 + int64(c-'0')
	}
	return v, true
}
