package main

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/internal/bytesize"
	"github.com/respsniff/respsniff/internal/live"
)

// recordFlags are those of recording beside the analysis.
type recordFlags struct {
	path string
	ring []string

	maxBytes int64
	maxTime  time.Duration
	files    int
}

func (o *recordFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.path, "write", "w", "", "also write the packets to this pcapng `FILE`")
	f.StringArrayVarP(&o.ring, "ring-buffer", "b", nil, "begin a new file of -w after a `LIMIT`: filesize:KB or duration:SECONDS; files:N keeps the last N; repeatable")
}

func (o *recordFlags) check() error {
	for _, word := range o.ring {
		what, value, _ := strings.Cut(word, ":")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n <= 0 || n > 1e9 {
			return usagef("-b %s: want filesize:KB, duration:SECONDS or files:N", word)
		}
		switch what {
		case "filesize":
			o.maxBytes = n * 1000 // dumpcap's kB
		case "duration":
			o.maxTime = time.Duration(n) * time.Second
		case "files":
			o.files = int(n)
		default:
			return usagef("-b %s: want filesize:KB, duration:SECONDS or files:N", word)
		}
	}
	switch {
	case len(o.ring) > 0 && o.path == "":
		return usagef("-b needs -w FILE")
	case o.files > 0 && o.maxBytes == 0 && o.maxTime == 0:
		return usagef("-b files:%d needs filesize or duration too", o.files)
	case o.path == "-":
		return usagef("-w -: standard output holds the findings; tcpdump -w - is the tool for a pipe")
	}
	return nil
}

func (o *recordFlags) options(force bool) live.RecordOptions {
	return live.RecordOptions{Path: o.path, Force: force, MaxBytes: o.maxBytes, MaxTime: o.maxTime, Files: o.files}
}

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
