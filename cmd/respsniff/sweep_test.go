package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hangs is when a run over one file is given up: none takes more than seconds, on whatever machine.
const hangs = 5 * time.Minute

// sweepMemory is the most heap that a file of a sweep may take.
const sweepMemory = 256 << 20

// TestSweep analyses every file of a tree of captures, named by RESPSNIFF_SWEEP, and reports crashes, hangs, memory, and
// packet counts other than those of capinfos (of Wireshark, where installed). With -v it prints a line for each file.
func TestSweep(t *testing.T) {
	dir := os.Getenv("RESPSNIFF_SWEEP")
	if dir == "" {
		t.Skip("RESPSNIFF_SWEEP names no directory")
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		switch filepath.Ext(path) {
		case ".json", ".jsonl", ".md", ".yaml", ".yml":
			return nil
		}
		files++
		t.Run(strings.TrimPrefix(path, dir), func(t *testing.T) { sweep(t, path) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Errorf("no file in %s", dir)
	}
}

// sweep analyses one file.
func sweep(t *testing.T, path string) {
	start := time.Now()
	r, peak, finished := watched("analyze", "-o", "json", path)
	if !finished {
		t.Fatalf("not done after %v", hangs)
	}
	spent := time.Since(start)
	if r.code == exitInternal || r.code == exitUsage {
		t.Errorf("exit code %d: %s", r.code, r.errout)
	}
	if peak > sweepMemory {
		t.Errorf("heap of %d MiB", peak>>20)
	}
	var doc struct {
		Complete bool
		Summary  struct {
			Packets, Connections int64
			Redis                int64 `json:"redis_connections"`
		}
		Findings []struct{ Rule string }
		Input    []struct{ Format string }
	}
	if r.out == "" {
		t.Logf("no report: %s", strings.TrimSpace(r.errout)) // no capture, and an error that says so
		return
	}
	if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
		t.Fatalf("the report is no JSON: %v", err)
	}
	rules := map[string]int{}
	for _, f := range doc.Findings {
		rules[f.Rule]++
	}
	t.Logf("code %d, complete %v, %d packets, %d connections, %d of Redis, %v, %d MiB, %v",
		r.code, doc.Complete, doc.Summary.Packets, doc.Summary.Connections, doc.Summary.Redis, spent.Round(time.Millisecond), peak>>20, rules)
	if want, ok := capinfos(path); ok && doc.Summary.Packets != want && len(doc.Input) == 1 && !strings.Contains(doc.Input[0].Format, "text") {
		t.Errorf("%d packets, capinfos counts %d", doc.Summary.Packets, want)
	}
}

// capinfos asks Wireshark's tool for the number of packets.
func capinfos(path string) (packets int64, ok bool) {
	out, err := exec.Command("capinfos", "-c", "-M", "-T", "-r", path).Output()
	if err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) || len(out) == 0 {
			return 0, false
		}
	}
	fields := strings.Split(strings.TrimSpace(string(out)), "\t")
	n, err := strconv.ParseInt(fields[len(fields)-1], 10, 64)
	return n, err == nil
}

// watched runs the program and returns the most heap it had, sampled. It is not finished if it hangs; it then goes on
// beside the test.
func watched(args ...string) (r result, peak uint64, finished bool) {
	runtime.GC()
	var base runtime.MemStats
	runtime.ReadMemStats(&base)
	ctx, stop := context.WithTimeout(context.Background(), hangs)
	defer stop()
	done := make(chan result, 1)
	go func() {
		var out, errout bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errout, env: func(string) (string, bool) { return "", false }}
		code := a.run(ctx, args)
		done <- result{code, out.String(), errout.String()}
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(hangs + 10*time.Second)
	for {
		select {
		case r = <-done:
			return r, peak, ctx.Err() == nil
		case <-late:
			return r, peak, false
		case <-tick.C:
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if m.HeapInuse > base.HeapInuse {
				peak = max(peak, m.HeapInuse-base.HeapInuse)
			}
		}
	}
}
