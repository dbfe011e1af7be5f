package calibration

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/respsniff/respsniff/analysis/reader"
)

// kind tells what a claim says.
type kind int

const (
	misread kind = iota // the caller got another's reply
	own                 // it got its own
	none                // it got nothing: it gave up, or its connection was closed
	numKinds
)

// numWords counts the words, Unknown included.
const numWords = int(reader.Proven) + 1

// tally counts claims.
type tally struct{ said, right int }

func (t *tally) add(o tally) { t.said, t.right = t.said+o.said, t.right+o.right }

func (t tally) wrong() int { return t.said - t.right }

// share is what is right of what is said. Of nothing, all is.
func (t tally) share() float64 {
	if t.said == 0 {
		return 1
	}
	return float64(t.right) / float64(t.said)
}

// score is how an engine does on a recording.
type score struct {
	recording
	misreads int // in the log
	found    int // of these, at likely or above, with the right reply
	claims   [numKinds][numWords]tally
	accuses  []string
	// of TLS, as in said
	encrypted, opened, commands int
}

// least sums the claims of a kind that are made with a word or a stronger one.
func (s *score) least(k kind, w reader.Word) (t tally) {
	for ; int(w) < numWords; w++ {
		t.add(s.claims[k][w])
	}
	return t
}

func (s *score) recall() float64 { return float64(s.found) / float64(max(1, s.misreads)) }

// measure holds what an engine says of a recording against its log.
func measure(r recording, e engine) (*score, error) {
	s := &score{recording: r}
	var log callers
	if r.log != "" {
		var err error
		if log, err = readLog(r.log); err != nil {
			return nil, fmt.Errorf("%s: %w", r.log, err)
		}
	}
	said, err := e(r.capture)
	if err != nil {
		return nil, err
	}
	s.accuses, s.misreads = said.accuses, log.misread()
	s.encrypted, s.opened, s.commands = said.encrypted, said.opened, said.commands
	for _, c := range said.claims {
		got := log.at(c.place, c.time)
		switch c.reply {
		case c.index:
			if r.log != "" {
				s.count(own, c.word, got == nil || got.reply == c.index)
			}
			continue
		case nothing:
			if r.full() {
				s.count(none, c.word, got != nil && got.reply == nothing)
			}
			continue
		}
		right := got != nil && got.reply != nothing && got.reply != c.index && (got.reply == c.reply || got.reply == another)
		s.count(misread, c.word, right)
		if right && c.word >= reader.Likely && !got.found {
			got.found = true
			s.found++
		}
	}
	return s, nil
}

func (s *score) count(k kind, w reader.Word, right bool) {
	t := &s.claims[k][w]
	t.said++
	if right {
		t.right++
	}
}

// measureAll measures recordings, as many at a time as there are processors.
func measureAll(tb testing.TB, list []recording, e engine) []*score {
	tb.Helper()
	scores := make([]*score, len(list))
	errs := make([]error, len(list))
	work := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range work {
				scores[i], errs[i] = measure(list[i], e)
			}
		})
	}
	for i := range list {
		work <- i
	}
	close(work)
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			tb.Fatalf("%s: %v", list[i].name, err)
		}
	}
	return scores
}

// sum is a set of recordings as one.
type sum struct {
	sick, healthy int
	recall        float64 // mean of the sick ones
	blind         int     // sick ones of which nothing was found
	accused       []string
	claims        [numKinds][numWords]tally
}

func total(scores []*score) (t sum) {
	for _, s := range scores {
		if s.misreads > 0 {
			t.sick++
			t.recall += s.recall()
			if s.found == 0 {
				t.blind++
			}
		} else {
			t.healthy++
			if len(s.accuses) > 0 {
				t.accused = append(t.accused, s.name)
			}
		}
		for k := range s.claims {
			for w := range s.claims[k] {
				t.claims[k][w].add(s.claims[k][w])
			}
		}
	}
	t.recall /= float64(max(1, t.sick))
	return t
}

// least is as of a score.
func (t *sum) least(k kind, w reader.Word) tally {
	s := score{claims: t.claims}
	return s.least(k, w)
}
