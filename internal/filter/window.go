package filter

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// window is a closed time interval.
type window struct{ from, to capture.Time }

// Begin resolves times without a date by the first packet's day. It is called with the first moment known; later calls do
// nothing.
func (f *Filter) Begin(first capture.Time) error {
	if f.resolved {
		return nil
	}
	f.resolved = true
	var err error
	if f.windows, err = f.windowsFrom(first); err != nil {
		return err
	}
	if w := f.windows[0]; len(f.Around) == 0 && w.from > w.to {
		return fmt.Errorf("--since %s is after --until %s", f.Since, f.Until)
	}
	return nil
}

func (f *Filter) windowsFrom(first capture.Time) ([]window, error) {
	all := window{-1 << 63, 1<<63 - 1}
	var err error
	if f.Since != "" {
		if all.from, err = parseMoment(f.Since, f.zone, first); err != nil {
			return nil, fmt.Errorf("--since %s: %v", f.Since, err)
		}
	}
	if f.Until != "" {
		if all.to, err = parseMoment(f.Until, f.zone, first); err != nil {
			return nil, fmt.Errorf("--until %s: %v", f.Until, err)
		}
	}
	if len(f.Around) == 0 {
		return []window{all}, nil
	}
	var windows []window
	for _, spec := range f.Around {
		at, width, ok := cutAround(spec)
		if !ok {
			return nil, fmt.Errorf("--around %s: want TIME+-DURATION, such as 09:16:26.801+-5s", spec)
		}
		middle, err := parseMoment(at, f.zone, first)
		if err != nil {
			return nil, fmt.Errorf("--around %s: %v", spec, err)
		}
		d, err := time.ParseDuration(width)
		if err != nil || d < 0 {
			return nil, fmt.Errorf("--around %s: %q is not a duration such as 5s", spec, width)
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

// Overlaps reports whether [from, to] lies in a wanted window, wholly or in part.
func (f *Filter) Overlaps(from, to capture.Time) bool {
	return slices.ContainsFunc(f.windows, func(w window) bool { return from <= w.to && to >= w.from })
}
