package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/internal/bytesize"
	"github.com/respsniff/respsniff/internal/live"
)

// evidenceFlags are those of the files that keep the packets around a finding.
type evidenceFlags struct {
	dir        string
	ring, size bytesize.Size
	files      int
	raw        bool
}

func (o *evidenceFlags) add(cmd *cobra.Command) {
	o.ring, o.size = 16<<20, 8<<20
	f := cmd.Flags()
	f.StringVar(&o.dir, "evidence", "", "write the packets around each finding, 10 s before and after, as pcapng into this `DIR`")
	f.Var(&o.ring, "evidence-ring", "memory for the latest packets of each server; four times as much in all")
	f.Var(&o.size, "evidence-size", "most packet bytes in one file")
	f.IntVar(&o.files, "evidence-files", 100, "most `FILES` in one run; one finding gets one a minute at most")
	f.BoolVar(&o.raw, "evidence-raw", false, "leave passwords in")
}

func (o *evidenceFlags) check() error {
	if o.dir == "" {
		return nil
	}
	if info, err := os.Stat(o.dir); err != nil || !info.IsDir() {
		return usagef("--evidence %s: want a directory that exists", o.dir)
	}
	if o.ring < 1<<20 || o.size < 1<<16 || o.files < 1 {
		return usagef("--evidence-ring, --evidence-size and --evidence-files: want at least 1 MiB, 64 KiB and 1")
	}
	return nil
}

func (o *evidenceFlags) options() live.EvidenceOptions {
	return live.EvidenceOptions{Dir: o.dir, Ring: int(o.ring), Size: int(o.size), Files: o.files, Raw: o.raw}
}
