package realtest

import (
	"os/exec"
	"strconv"
	"testing"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/testenv"
	"github.com/respsniff/respsniff/internal/trial"
)

// soakCommands is what redis-benchmark sends of each kind: two kinds are a hundred thousand commands a depth.
const soakCommands = 50_000

// TestHealthySoakShort is scripts/soak_healthy.sh in small: healthy load in lockstep and in pipelines is accused of nothing,
// however mildly.
func TestHealthySoakShort(t *testing.T) {
	testenv.Needs(t, "redis-server", "redis-benchmark", "tcpdump")
	for _, depth := range []string{"1", "16"} {
		t.Run("pipelines of "+depth, func(t *testing.T) {
			trial.Run(t, func(r *trial.Trial) { soak(t, r, depth) })
		})
	}
}

func soak(t *testing.T, r *trial.Trial, depth string) {
	s := startServer(t)
	tape := record(t, s)
	out, err := exec.Command("redis-benchmark", "-p", strconv.Itoa(s.port), "-q", "-c", "50", "-P", depth,
		"-n", strconv.Itoa(soakCommands), "-t", "set,get", "-r", "1000").CombinedOutput()
	if err != nil {
		t.Fatalf("redis-benchmark: %v: %s", err, out)
	}
	path, whole := tape.stop(t, r)
	if !whole {
		return
	}
	v := judge(t, path, false)
	if v.summary.Commands < 2*soakCommands || v.summary.Replies < 2*soakCommands {
		t.Errorf("%d commands and %d replies of %d were seen", v.summary.Commands, v.summary.Replies, 2*soakCommands)
	}
	if len(v.wrong) > 0 {
		t.Errorf("%d contradictions, the first: %s", len(v.wrong), v.wrong[0])
	}
	for _, f := range v.accusations(incident.Info) {
		t.Errorf("%s %s: %s", f.Rule, f.Severity, f.Title)
	}
}
