package main

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/gate"
	"github.com/respsniff/respsniff/internal/wholefile"
)

// baselineFlags accept known findings.
type baselineFlags struct {
	read, write          string
	reason, owner, until string

	old *gate.Baseline // what read names; nil: none
}

// acceptedDays is how long a new entry of a baseline counts where no day is given.
const acceptedDays = 90

func (b *baselineFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&b.read, "baseline", "", "`FILE` of accepted findings, by fingerprint; they are listed, and do not fail")
	f.StringVar(&b.write, "write-baseline", "", "accept the present findings: write them to `FILE`; entries of --baseline that still apply are kept")
	f.StringVar(&b.reason, "baseline-reason", "known when this baseline was written", "`REASON` of new entries")
	f.StringVar(&b.owner, "baseline-owner", "", "`OWNER` of new entries (default: the user)")
	f.StringVar(&b.until, "baseline-until", "", "`YYYY-MM-DD`, last day of new entries (default: in 90 days)")
	under(cmd, headBaseline)
}

func (b *baselineFlags) check(force bool) error {
	if b.write != "" {
		if err := checkOutput("--write-baseline "+b.write, b.write, force); err != nil {
			return err
		}
	}
	if b.until != "" {
		if _, err := time.Parse(time.DateOnly, b.until); err != nil {
			return usagef("--baseline-until %s: want YYYY-MM-DD", b.until)
		}
	}
	if b.read != "" {
		return b.open()
	}
	return nil
}

// open reads the baseline.
func (b *baselineFlags) open() error {
	f, err := os.Open(b.read)
	if err != nil {
		return usagef("--baseline: %v", err)
	}
	defer f.Close()
	if b.old, err = gate.ReadBaseline(f); err != nil {
		return usagef("--baseline %s: %v", b.read, err)
	}
	return nil
}

// apply accepts what the baseline accepts, and writes a new one. partial means that d lacks what filters left out.
func (b *baselineFlags) apply(a *app, d *report.Document, partial, force bool) error {
	if b.write != "" {
		if err := b.writeNew(a, d, partial, force); err != nil {
			return err
		}
	}
	if b.old != nil {
		for _, warning := range b.old.Apply(d, partial, a.today()) {
			a.warn("%s", warning)
			d.Warnings = append(d.Warnings, warning)
		}
	}
	return nil
}

func (b *baselineFlags) writeNew(a *app, d *report.Document, partial, force bool) error {
	until := a.today().AddDate(0, 0, acceptedDays)
	if b.until != "" {
		until, _ = time.Parse(time.DateOnly, b.until) // checked
	}
	owner := b.owner
	for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
		if v, ok := a.env(name); ok && owner == "" {
			owner = v
		}
	}
	if u, err := user.Current(); err == nil && owner == "" {
		owner = u.Username
	}
	if owner == "" {
		owner = "nobody named"
	}
	err := wholefile.Write(b.write, force, gate.NewBaseline(d, partial, b.old, b.reason, owner, until).Write)
	if errors.Is(err, fs.ErrExist) {
		return usagef("--write-baseline %s: the file exists: give --force to replace it", b.write)
	}
	if err != nil {
		return unreadable(err)
	}
	return nil
}
