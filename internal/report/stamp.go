package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Stamp is a moment in machine output: RFC 3339 in UTC with six digits, or nine where the capture has nanoseconds.
type Stamp capture.Time

const (
	microLayout = "2006-01-02T15:04:05.000000Z07:00"
	nanoLayout  = "2006-01-02T15:04:05.000000000Z07:00"
)

// String returns the moment as machine output writes it.
func (s Stamp) String() string {
	t := capture.Time(s).Std()
	if t.Nanosecond()%1000 == 0 {
		return t.Format(microLayout)
	}
	return t.Format(nanoLayout)
}

// MarshalText is String.
func (s Stamp) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads any RFC 3339 moment.
func (s *Stamp) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return err
	}
	*s = Stamp(capture.TimeOf(t))
	return nil
}

// Clock says how text output shows moments. The zero value shows UTC dates with times.
type Clock struct {
	Style ClockStyle
	Zone  *time.Location // nil: UTC
	Start capture.Time   // what ClockRel counts from
}

// ClockStyle is a choice of --time.
type ClockStyle uint8

// The choices of --time.
const (
	ClockAbs   ClockStyle = iota // 2026-11-21 19:24:21.293321
	ClockRel                     // seconds since the first packet
	ClockDelta                   // seconds since the moment shown before it
	ClockEpoch                   // seconds since 1970
)

// ParseClockStyle reads a word of --time.
func ParseClockStyle(word string) (ClockStyle, error) {
	for i, w := range [...]string{"abs", "rel", "delta", "epoch"} {
		if w == word {
			return ClockStyle(i), nil
		}
	}
	return 0, fmt.Errorf("--time %s: want abs, rel, delta or epoch", Printable(word))
}

// Full returns t with its date, or as the style says. before is the moment shown before it, 0 where there is none.
func (c Clock) Full(t, before capture.Time) string {
	return c.format(t, before, "2006-01-02 15:04:05.000000")
}

// Short returns t without its date, for places where the date is known.
func (c Clock) Short(t, before capture.Time) string { return c.format(t, before, "15:04:05.000000") }

func (c Clock) format(t, before capture.Time, layout string) string {
	switch c.Style {
	case ClockRel:
		return seconds(t.Sub(c.Start))
	case ClockDelta:
		if before == 0 {
			return seconds(0)
		}
		return seconds(t.Sub(before))
	case ClockEpoch:
		return seconds(time.Duration(t))
	}
	std := t.Std().In(c.zone())
	if std.Nanosecond()%1000 != 0 {
		layout += "000"
	}
	return std.Format(layout)
}

// ZoneName returns the name and offset that stand beside absolute times, "" where times are not absolute.
func (c Clock) ZoneName(t capture.Time) string {
	if c.Style != ClockAbs {
		return ""
	}
	std := t.Std().In(c.zone())
	name, offset := std.Zone()
	if offset == 0 {
		return "UTC"
	}
	if strings.ContainsAny(name, "+-") {
		return std.Format("-07:00")
	}
	return name + std.Format(" -07:00")
}

// Location is the zone in which moments are shown.
func (c Clock) Location() *time.Location { return c.zone() }

func (c Clock) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// seconds prints whole microseconds, or nanoseconds where they matter.
func seconds(d time.Duration) string {
	if d%1000 == 0 {
		return fmt.Sprintf("%.6f", float64(d/1000)/1e6)
	}
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%d.%09d", sign, d/1e9, d%1e9)
}

// Gap prints a time span for people: "195 us", "5.196 ms", "2.002272 s", "3m12s".
func Gap(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%s%d ns", sign, d)
	case d < time.Millisecond:
		return fmt.Sprintf("%s%d us", sign, d/time.Microsecond)
	case d < time.Second:
		return fmt.Sprintf("%s%.3f ms", sign, float64(d)/1e6)
	case d < 2*time.Minute:
		return fmt.Sprintf("%s%.6f s", sign, float64(d)/1e9)
	}
	return sign + d.Round(time.Second).String()
}

// BriefGap is Gap with three digits, for columns.
func BriefGap(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%dus", d/time.Microsecond)
	case d < time.Second:
		return fmt.Sprintf("%.1fms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.3fs", d.Seconds())
}
