package main

import (
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/respsniff/respsniff/internal/testenv"
)

// metric asks a running program for one of its figures.
func metric(t *testing.T, address, name string) float64 {
	t.Helper()
	_, b := testenv.Get(t, "http://"+address+"/metrics")
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(b)
	if m == nil {
		t.Fatalf("no %s in %s", name, b)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// caughtUp waits until a running program has analysed so many commands, or knows of packets that it cannot get any more.
func caughtUp(t *testing.T, address string, commands float64) bool {
	t.Helper()
	return eventually(func() bool {
		return metric(t, address, "respsniff_commands_total") >= commands || metric(t, address, "respsniff_kernel_dropped_packets_total") > 0
	})
}

// liveShortSoak is scripts/soak.sh in a few seconds: load again and again leaves neither memory nor goroutines behind.
func liveShortSoak(t *testing.T, program string) {
	bench, err := exec.LookPath("redis-benchmark")
	if err != nil {
		t.Skip("no redis-benchmark here")
	}
	port := redisServer(t)
	address := testenv.FreeAddress(t)
	l := startLive(t, program, nil, "-i", "lo", "--port", strconv.Itoa(port), "-o", "ndjson", "--metrics", address, "-B", "32", "--evidence", t.TempDir())
	var memory, goroutines []float64
	const rounds = 8
	for range rounds {
		if out, err := exec.Command(bench, "-p", strconv.Itoa(port), "-q", "-n", "15000", "-t", "set").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		memory = append(memory, metric(t, address, "process_resident_memory_bytes"))
		goroutines = append(goroutines, metric(t, address, "go_goroutines"))
	}
	if !caughtUp(t, address, rounds*15000) {
		t.Errorf("%v commands in the metrics", metric(t, address, "respsniff_commands_total"))
	}
	if most := slices.Max(goroutines[rounds/2:]); most > goroutines[0]+3 {
		t.Errorf("goroutines: %v", goroutines)
	}
	if first, last := memory[rounds/2], memory[rounds-1]; last > first*1.1+(8<<20) {
		t.Errorf("resident memory: %.0f", memory)
	}
	if code := l.stop(t); code != exitClean {
		t.Errorf("exit code %d: %s", code, l.log)
	}
}
