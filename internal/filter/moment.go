package filter

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// momentLayouts are what people and application logs write. Layouts without a zone are read in --tz.
var momentLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 Z07:00",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006/01/02 15:04:05.999999999", "2006-01-02 15:04",
	"2006-01-02T15:04", "2006-01-02", "02/Jan/2006:15:04:05 -0700", "02 Jan 2006 15:04:05.999999999",
	"2006-01-02 15:04:05.999999999 -0700", time.RFC1123Z, time.ANSIC,
}

var clockLayouts = []string{"15:04:05.999999999", "15:04"}

// syslogLayout lacks the year.
const syslogLayout = "Jan _2 15:04:05.999999999"

// zoneName is a name before an offset, as this program's text shows times.
var zoneName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(` [A-Z]{2,5}( [+-]\d\d:\d\d)$`)
})

// parseMoment reads a time as RFC 3339, as application logs print it (2019-05-26 09:16:26:801, a comma before the
// fraction), as seconds, milliseconds or microseconds since 1970, as syslog does without a year, which is that of first,
// or as a time of day, which is on the day of first.
func parseMoment(s string, zone *time.Location, first capture.Time) (capture.Time, error) {
	s = zoneName().ReplaceAllString(strings.Trim(s, "[] \t"), "$1")
	for _, utc := range []string{" UTC", " GMT"} {
		if bare, ok := strings.CutSuffix(s, utc); ok {
			s, zone = bare, time.UTC
		}
	}
	for _, text := range []string{s, fractionMark(s)} {
		for _, layout := range momentLayouts {
			if t, err := time.ParseInLocation(layout, text, zone); err == nil {
				return capture.TimeOf(t), nil
			}
		}
		if t, err := time.ParseInLocation(syslogLayout, text, zone); err == nil {
			return capture.TimeOf(t.AddDate(first.Std().In(zone).Year(), 0, 0)), nil
		}
		for _, layout := range clockLayouts {
			if t, err := time.ParseInLocation(layout, text, zone); err == nil {
				y, m, d := first.Std().In(zone).Date()
				return capture.TimeOf(time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)), nil
			}
		}
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if sec, err := strconv.ParseInt(whole, 10, 64); err == nil && len(whole) >= 9 && len(whole) <= 10 {
		ns, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
		if err == nil {
			return capture.TimeOf(time.Unix(sec, ns)), nil
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 && len(s) == 13 {
		return capture.TimeOf(time.UnixMilli(n)), nil
	} else if err == nil && n > 0 && len(s) == 16 {
		return capture.TimeOf(time.UnixMicro(n)), nil
	}
	return 0, fmt.Errorf("not a time: want 2026-11-21T19:24:21.293Z, 2026-11-21 19:24:21:293, 19:24:21 or seconds since 1970")
}

// fractionMark turns the last colon or comma before three or more final digits into a point: 09:16:26:801.
func fractionMark(s string) string {
	i := strings.LastIndexAny(s, ":,")
	if i < 0 || len(s)-i-1 < 3 || strings.Trim(s[i+1:], "0123456789") != "" {
		return s
	}
	return s[:i] + "." + s[i+1:]
}
