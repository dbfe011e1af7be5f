// Package known remembers, by hash, what was last read and written in each database, and whose value a reply is by that: where
// all commands are alike no type tells which of them a reply serves, and its value does.
package known

// Memory is what the keys of all servers were last seen to hold. A slot has room for one fact, and the latest displaces an older
// one: what is forgotten is no evidence for anything. No value is kept, only its hash.
type Memory struct {
	slots []fact
	// Of the replies to a question whose answer was known, where the reply before was another value: trials. Of these, those with
	// the answer that was known: same; and those that are nobody's but the other question's: foreign. They tell how much a value
	// says in this traffic: where keys are overwritten all the time, or share their values, nothing.
	trials, same, foreign int
}

// fact is the last answer to a question, or whose a value is.
type fact struct{ of, is uint64 }

// slots is the room of a memory: 1 MiB.
const slots = 1 << 16

// several stands for the owners of a value that more than one key has held.
const several = 1

// mix spreads a hash over all bits (the finaliser of MurmurHash3, which is in the public domain).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// ownerOf is the question whose value v is.
func ownerOf(v uint64) uint64 { return mix(v ^ 0x9e3779b97f4a7c15) }

func (m *Memory) recall(of uint64) uint64 {
	if m.slots == nil || of == 0 {
		return 0
	}
	if f := &m.slots[of%slots]; f.of == of {
		return f.is
	}
	return 0
}

func (m *Memory) note(of, is uint64) {
	if m.slots == nil {
		m.slots = make([]fact, slots)
	}
	m.slots[of%slots] = fact{of, is}
}

// holds notes that a question now has this answer.
func (m *Memory) holds(question, value uint64) {
	if m.recall(question) == value {
		return
	}
	m.note(question, value)
	owner := ownerOf(value)
	switch now := m.recall(owner); now {
	case question, several:
	case 0:
		m.note(owner, question)
	default:
		m.note(owner, several)
	}
}

// Known reports whether a question has had an answer.
func (m *Memory) Known(question uint64) bool { return m.recall(question) != 0 }

// Exists reports whether the last answer to a question was a value, and not that there is none.
func (m *Memory) Exists(question uint64) bool {
	v := m.recall(question)
	return v != 0 && v != null
}

// Elsewhere reports that an answer is not what is known of its own question, and whose it is: that of another question, and of
// no third. 0: no evidence.
func (m *Memory) Elsewhere(own, answer uint64) (question uint64) {
	if had := m.recall(own); had == 0 || had == answer || answer == 0 {
		return 0
	}
	if q := m.recall(ownerOf(answer)); q > several && q != own && m.recall(q) == answer {
		return q
	}
	return 0
}

// Chance is how likely it is, by what was seen so far, that a reply which is its own is known as the value of one other question
// and not as that of its own.
func (m *Memory) Chance() float64 { return float64(m.foreign+1) / float64(m.trials+2) }

// Steady is how likely it is that the answer to a question is the one that was known.
func (m *Memory) Steady() float64 { return float64(m.same+1) / float64(m.trials+2) }

// Mistaken takes back so many answers that were taken for those of other questions, and turned out to be their own.
func (m *Memory) Mistaken(n int) { m.trials, m.foreign = m.trials+n, m.foreign+n }

// Answer is a question with its answer.
type Answer struct{ Question, Value uint64 }

// Learn takes an answer; before is the one before it on the same connection, and becomes this one.
func (m *Memory) Learn(question, value uint64, before *Answer) {
	if had := m.recall(question); had != 0 && before.Question != question && before.Value != had && before.Question != 0 {
		m.trials++
		if value == had {
			m.same++
		} else if value == before.Value && m.Elsewhere(question, value) == before.Question {
			m.foreign++
		}
	}
	*before = Answer{question, value}
	m.holds(question, value)
}

// Wrote takes that a question now has this answer, as what was written says.
func (m *Memory) Wrote(question, value uint64) { m.holds(question, value) }

// Forget takes that the answer to a question may have changed.
func (m *Memory) Forget(question uint64) {
	if m.recall(question) != 0 {
		m.note(question, 0)
	}
}

// Ratio is how likely an answer is if it is that of its own question, over how likely it is if it is that of another one; 1: it
// says nothing.
func (m *Memory) Ratio(own, other, answer uint64) float64 {
	mine, theirs := m.recall(own), m.recall(other)
	switch {
	case mine == 0 || theirs == 0 || mine == theirs || own == other:
		return 1
	case m.Elsewhere(own, answer) == other:
		return m.Chance() / m.Steady()
	case answer == mine && m.Elsewhere(other, answer) == own:
		return m.Steady() / m.Chance()
	}
	return 1
}
