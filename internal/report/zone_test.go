package report

import (
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
)

func TestTimesOfDayInSentences(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	near := capture.TimeOf(time.Date(2026, 11, 21, 23, 59, 59, 0, time.UTC))
	const said = "silent from 23:59:59.500000 (frame 1) to 00:00:01.250000; since 2026-11-21 19:24:21 UTC"
	for _, tc := range []struct {
		clock Clock
		want  string
	}{
		{Clock{}, said},
		{Clock{Zone: berlin}, "silent from 00:59:59.500000 (frame 1) to 01:00:01.250000; since 2026-11-21 19:24:21 UTC"},
		{Clock{Style: ClockRel, Start: near.Add(-time.Second)}, "silent from 1.500000 (frame 1) to 3.250000; since 2026-11-21 19:24:21 UTC"},
		{Clock{Style: ClockEpoch}, "silent from 1795305599.500000 (frame 1) to 1795305601.250000; since 2026-11-21 19:24:21 UTC"},
		{Clock{Style: ClockDelta}, "silent from 23:59:59.500000 UTC (frame 1) to 00:00:01.250000 UTC; since 2026-11-21 19:24:21 UTC"},
	} {
		if got := tc.clock.Sentence(said, near); got != tc.want {
			t.Errorf("%+v:\n%s, want\n%s", tc.clock, got, tc.want)
		}
	}
}
