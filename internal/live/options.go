package live

import (
	"fmt"
	"io"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/internal/filter"
	"github.com/respsniff/respsniff/internal/notice"
	"github.com/respsniff/respsniff/internal/report"
)

// Options are what a run does beside capturing.
type Options struct {
	Analysis analysis.Options // Live and FileName are the run's to set
	Filter   *filter.Filter   // what is shown; prepared
	Mask     report.Mask
	Memory   int64 // bytes that the process may use; when they become few the analysis begins anew

	Packets  int64         // stop after so many; 0: no limit
	Time     time.Duration // stop after so long; 0: no limit
	Interval time.Duration // between two lines of figures; 0: none

	Outputs []Output
	Force   bool        // overwrite files of outputs
	Gate    report.Gate // what makes the run fail
	Stdout  io.Writer
	Log     notice.Log
	Tool    report.Tool
	Label   report.Label
	Snaplen int // of the capture, for the report

	Record   RecordOptions
	Evidence EvidenceOptions
	Metrics  string // HOST:PORT at which metrics are served; "": none

	Keylogs       []string // key logs of TLS, which are followed as they grow
	KeylogDefault string   // another one, which need not be there; "": none

	User       string // become this user once the sources are open; "": stay
	KeepRights bool   // keep all capabilities
}

// Output is one report: its format and its place.
type Output struct {
	Format  report.Format
	Path    string // "": standard output
	Options report.Options
}

// RefusedError is something that the options ask for and that cannot be had: a file that exists, an address in use.
type RefusedError struct{ err error }

// Error implements error.
func (e *RefusedError) Error() string { return e.err.Error() }

// Unwrap gives the reason.
func (e *RefusedError) Unwrap() error { return e.err }

func refusef(format string, args ...any) error { return &RefusedError{fmt.Errorf(format, args...)} }
