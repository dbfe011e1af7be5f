package live

import (
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

func TestMomentNamesItsZone(t *testing.T) {
	first := capture.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	at := first.Add(1500 * time.Millisecond)
	if got := moment(report.Clock{}, at); got != "2026-01-02 03:04:06.500000 UTC" {
		t.Error(got)
	}
	if got := moment(report.Clock{Style: report.ClockRel, Start: first}, at); got != "1.500000" {
		t.Error(got)
	}
}
