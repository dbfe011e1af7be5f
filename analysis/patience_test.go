package analysis

import (
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// TestPromptUseShowsThatTheReplyWasRead: between T and T plus slack, a command right after the reply was sent by a caller
// that had it, whatever the others' timers do.
func TestPromptUseShowsThatTheReplyWasRead(t *testing.T) {
	const t0 = capture.Time(time.Second)
	w := patience{t: 300 * time.Millisecond, slack: 20 * time.Millisecond, reused: true, timeout: &Timeout{T: 300 * time.Millisecond, P75: 301 * time.Millisecond}}
	for after, want := range map[time.Duration]whyUnread{prompt - 1: readInTime, prompt: byTimeout} {
		reply := &Exchange{Serves: ReplyInfo{Time: t0}}
		next := &Exchange{Place: Place{Time: t0.Add(after)}}
		if got, _ := w.verdict(reply, 310*time.Millisecond, limits{next: next}); got != want {
			t.Errorf("the next command %v after the reply: %v, want %v", after, got, want)
		}
	}
}
